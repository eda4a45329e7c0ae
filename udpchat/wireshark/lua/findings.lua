-- How the findings of the analysis are shown: fields, expert items, and the beginning of the line in the packet list.

local flows = U.flows
local PREFIX = "udpchat.analysis"

local findings = {}
U.findings = findings

local CAUSES = {
  [flows.CAUSE.NUMBERS] = "Packets sent later were acknowledged (packet threshold)",
  [flows.CAUSE.TIME] = "A packet sent later was acknowledged, long enough ago (time threshold)",
  [flows.CAUSE.SILENCE] = "Nothing sent later was acknowledged (probe timeout, or a chat packet once more)",
  [flows.CAUSE.UNSEEN] = "The first packet with these bytes is not in the capture",
  [flows.CAUSE.NEEDLESS] = "None: it was acknowledged before",
  [flows.CAUSE.ASKED] = "The receiver does not hold it after all (MISSING)",
}

local rows = {}  -- what is shown of a packet, in this order

-- Declare what is shown when the packet's record has `key`. expert: text, group, severity of an expert item.
local function row(key, name, kind, title, description, options)
  options = options or {}
  options.description = description
  local abbreviation = PREFIX .. "." .. name
  local each = { key = key, kind = kind, field = U.field(abbreviation, kind, title, options) }
  if options.expert then each.expert = U.expert(abbreviation .. ".expert", table.unpack(options.expert)) end
  rows[#rows + 1] = each
end

local function note(text) return { text, "SEQUENCE", "NOTE" } end
local function warning(text) return { text, "SEQUENCE", "WARN" } end
local frames = frametype

local subtree = U.field(PREFIX, "none", "Analysis of the connection")
row("duplicate_of", "duplicate_of", "framenum", "Duplicate of", "a datagram with the same packet number")
row("duplicate_of", "duplicate", "none", "Duplicated datagram", "the network delivered it twice: numbers are never reused",
  { expert = note("This datagram was seen before: the network doubled it") })
row("strange", "strange_number", "none", "Packet number far from all others", "damaged, forged, or the capture has a hole",
  { expert = warning("This packet number is far from all others: damaged or forged; it is left out of the analysis") })
row("gap", "gap", "uint32", "Packet numbers missing before this one",
  "lost, late, not captured, or left out by the sender (at most 1 in 256)",
  { expert = warning("Packet numbers are missing before this one: lost, late, not captured, or (single) left out") })
row("skipped", "skipped", "none", "The number before this one was left out",
  "on purpose, to find out a peer that acknowledges what it did not see")
row("out_of_order", "out_of_order", "none", "Packet number below one seen before", "the network changed the order",
  { expert = warning("This packet was overtaken on its way") })
row("moved_from", "moved_from", "string", "Address before", "the sender's address was another one up to here",
  { expert = note("The sender's address changed: a NAT, or another network") })
row("retransmission", "retransmission", "none", "Retransmission", "bytes that were sent before, under a new packet number",
  { expert = note("These bytes were sent before, in another packet") })
row("of_frame", "retransmission_of", "framenum", "Retransmission of", "the packet that carried the bytes last",
  { frametype = frames.RETRANS_PREV })
row("of_number", "retransmission_of_number", "uint64", "Retransmission of packet number")
row("cause", "cause", "uint8", "Cause", "why it was sent again, as far as the capture shows", { names = CAUSES })
row("waited", "rto", "relative_time", "Time since the bytes were sent last", "how long it took to send them again")
row("spurious", "spurious", "none", "Spurious retransmission",
  "a packet sent before with all these bytes was acknowledged",
  { expert = note("Needless: the bytes had arrived in a packet sent before") })
row("again_in", "retransmitted_in", "framenum", "Sent again in", "shown from the second pass on",
  { frametype = frames.RETRANS_NEXT })
row("lost_in", "lost_in", "framenum", "Lost, as seen in",
  "the ACK, or the retransmission, that shows it; shown from the second pass on")
row("late", "late", "none", "Not lost, only late", "acknowledged after all; shown from the second pass on")
row("acked_in", "acked_in", "framenum", "Acknowledged in", "shown from the second pass on", { frametype = frames.ACK })
row("acks_frame", "acks_frame", "framenum", "Acknowledges", "the newest packet that is acknowledged for the first time",
  { frametype = frames.ACK })
row("ack_rtt", "ack_rtt", "relative_time", "Time from that packet to this ACK",
  "a round trip when captured at the sender; the ACK delay is part of it")
row("newly_acked", "newly_acked", "uint32", "Packets newly acknowledged", "of those that ask for an ACK",
  { unit = "packets" })
row("newly_acked_bytes", "newly_acked_bytes", "uint32", "Bytes newly acknowledged", "of whole datagrams", { unit = "bytes" })
row("ack_unseen", "ack_unseen", "none", "ACK of a packet that is not in the capture", "not captured, or never sent",
  { expert = warning("Acknowledges a packet number that is not in the capture: not captured, or never sent") })
row("dup_ack", "duplicate_ack", "uint32", "Duplicate ACK number", "how many in a row brought nothing new",
  { expert = note("Duplicate ACK: acknowledges nothing new and leaves the window as it is") })
row("dup_ack_of", "duplicate_ack_of", "framenum", "Duplicate of ACK", "the last ACK that brought something new",
  { frametype = frames.DUP_ACK })
row("window_update", "window_update", "none", "Window update", "acknowledges nothing new, but the window changed",
  { expert = { "Window update", "SEQUENCE", "CHAT" } })
row("window_zero", "window_zero", "none", "The window is zero", "the sender of this ACK takes no more bytes",
  { expert = warning("The window is zero: the sender of this ACK takes no more bytes") })
row("flight", "bytes_in_flight", "uint32", "Bytes in flight",
  "datagrams that ask for an ACK, neither acknowledged nor lost, as the capture shows it", { unit = "bytes" })
row("window_full", "window_full", "none", "The window is full", "the peer's window has no room for one more such datagram",
  { expert = warning("The window of the peer is full: the receiver is the brake") })
row("answers", "answers", "framenum", "Answer to", "the HELLO that this answers", { frametype = frames.REQUEST })
row("initial_rtt", "initial_rtt", "relative_time", "Time from that HELLO")

local function relative_time(microseconds)
  local seconds = math.floor(microseconds / 1000000)
  return NSTime.new(seconds, (microseconds - seconds * 1000000) * 1000)
end

local function show_row(each, value, tree)
  local item
  if each.kind == "none" then
    item = tree:add(each.field)
  elseif each.kind == "relative_time" then
    item = tree:add(each.field, relative_time(value))
  elseif each.kind == "uint64" then
    item = tree:add(each.field, UInt64(value))
  else
    item = tree:add(each.field, value)
  end
  item:set_generated()
  if each.expert then item:add_proto_expert_info(each.expert) end
end

-- Show all that was found out about a packet.
function findings.show(record, tree)
  local sub = tree:add(subtree):set_generated()
  local original = record.of
  if original then
    record.of_frame = original.frame
    record.of_number = not record.handshake and original.number or nil
  end
  for _, each in ipairs(rows) do
    local value = record[each.key]
    if value then show_row(each, value, sub) end
  end
end

-- What the line of the packet begins with, or nil.
function findings.prefix(record)
  local words = {}
  local function say(condition, ...)
    if condition then words[#words + 1] = "[" .. string.format(...) .. "]" end
  end
  say(record.duplicate_of, "Duplicate of frame %d", record.duplicate_of)
  say(record.strange, "Strange number")
  say(record.gap, "%s missing before", record.gap and U.number(record.gap))
  say(record.out_of_order, "Out of order")
  say(record.moved_from, "New address")
  if record.retransmission then
    local kind = record.spurious and "Spurious retransmission" or "Retransmission"
    local of = record.of
    say(true, of and (record.handshake and "%s of frame %s" or "%s of #%s") or "%s", kind,
      of and U.number(record.handshake and of.frame or of.number))
  end
  say(record.dup_ack, "Duplicate ACK %d", record.dup_ack)
  say(record.ack_unseen, "ACK of unseen packet")
  say(record.window_update, "Window update")
  say(record.window_zero, "Zero window")
  say(record.window_full, "Window full")
  return words[1] and table.concat(words, " ") or nil
end
