-- One direction of one connection at one place of capture: packet numbers, what is in flight, what was acknowledged.
-- Only clear fields and sizes are used, so a sealed capture gives what its plaintext twin gives.
--
-- A packet of a flow is a table with frame, time [us], type, number, size [bytes], for DATA and MSG stream, start and stop,
-- and what was found out about it, which findings.lua shows:
--   duplicate_of, gap, skipped, out_of_order, late    about its number
--   retransmission, of, again_in, waited, cause, spurious, unproved   about its content
--   flight, window_full, acked, acked_in, lost_in     about its fate
--   acks_frame, ack_rtt, newly_acked, newly_acked_bytes, dup_ack, dup_ack_of, window_update, window_zero, ack_unseen
--     of an ACK: see acks.lua

local intervals, contents = U.intervals, U.contents

local MAX_JUMP = 65536        -- packet numbers; a larger step is taken for damage until a second packet confirms it
local FIRST_NUMBERS = 16      -- a flow whose first packet has such a number is taken to have begun with 0
local PACKET_THRESHOLD = 3    -- docs/protocol.md, section 7.5
local INITIAL_WINDOW = 1048576  -- bytes a peer may have in flight before its first ACK

local ELICITING = { DATA = true, MSG = true, PING = true, CHALLENGE = true, RESPONSE = true, PROBE = true }
local IN_FLIGHT = { DATA = true, MSG = true, PING = true }

-- Why content was sent again, as far as the capture shows.
local CAUSE = { NUMBERS = 1, TIME = 2, SILENCE = 3, UNSEEN = 4, NEEDLESS = 5, ASKED = 6 }

local flows = { CAUSE = CAUSE, ELICITING = ELICITING }
U.flows = flows

function flows.new()
  return {
    max = nil,                    -- largest packet number seen
    seen = {},                    -- number -> packet
    order = {}, count = 0,        -- the numbers seen, ascending
    acked = intervals.new(),      -- numbers that the other end acknowledged
    largest_acked = -1,           -- of those that must be acknowledged
    threshold = PACKET_THRESHOLD,
    examined = 0,                 -- so many elements of `order` are acknowledged or lost
    flight = 0,                   -- bytes of datagrams
    streams = {}, stream_list = {},
    totals = flows.counters(),
  }
end

function flows.counters()
  return { packets = 0, bytes = 0, retransmitted = 0, lost = 0, duplicates = 0, spurious = 0, out_of_order = 0,
    max_flight = 0, rtts = {} }
end

-- The counters that a packet counts in: of its transfer or channel, and of its flow.
function flows.count(flow, packet, name, step)
  flow.totals[name] = flow.totals[name] + step
  local stream = packet.stream
  if stream then stream.counters[name] = stream.counters[name] + step end
end

-- ---- packet numbers ------------------------------------------------------------------------------------------------

-- Whether a number may be one of this flow. A damaged one must not push the flow away from its true numbers.
local function plausible(flow, number)
  if not flow.max or math.abs(number - flow.max) <= MAX_JUMP then return true end
  local before = flow.candidate
  flow.candidate = number
  return before ~= nil and number > before and number - before <= MAX_JUMP
end

local function insert(flow, packet)
  local index = intervals.last_at_most(flow.order, flow.count, packet.number) + 1
  table.insert(flow.order, index, packet.number)
  flow.count = flow.count + 1
  if index <= flow.examined then flow.examined = flow.examined + 1 end
  packet.acked = intervals.contains(flow.acked, packet.number)
end

local function append(flow, packet)
  local order, last = flow.order, flow.count
  flow.max = packet.number
  if last > 0 and order[last] > packet.number then return insert(flow, packet) end  -- above a maximum that was damage
  flow.count = last + 1
  order[flow.count] = packet.number
end

-- Place a packet by its number. False for a duplicated datagram and for a number that cannot be one of this flow.
local function take_number(flow, packet)
  local number = packet.number
  local first = flow.seen[number]
  if first then
    packet.duplicate_of = first.frame
    packet.stream = first.stream
    flows.count(flow, packet, "duplicates", 1)
    return false
  end
  if not plausible(flow, number) then
    packet.strange = true
    return false
  end
  local max = flow.max
  if not max or number < max - MAX_JUMP then max = number <= FIRST_NUMBERS and -1 or number - 1 end
  flow.seen[number] = packet
  if number > max then
    if number > max + 1 then packet.gap = number - max - 1 end
    append(flow, packet)
  else
    packet.out_of_order = true
    insert(flow, packet)
  end
  return true
end

-- ---- loss ----------------------------------------------------------------------------------------------------------

function flows.leave(flow, packet)
  if packet.counted then
    packet.counted = nil
    flow.flight = flow.flight - packet.size
  end
end

-- All packets up to a number that are not acknowledged are lost, as `frame` shows.
function flows.lose_up_to(flow, number, frame)
  local order, seen, index = flow.order, flow.seen, flow.examined + 1
  while index <= flow.count and order[index] <= number do
    local packet = seen[order[index]]
    if not packet.acked and ELICITING[packet.type] and packet.type ~= "PROBE" then
      packet.lost_in = frame
      flows.count(flow, packet, "lost", 1)
    end
    if not packet.acked then flows.leave(flow, packet) end
    index = index + 1
  end
  flow.examined = index - 1
end

-- ---- content -------------------------------------------------------------------------------------------------------

function flows.on_proved(packet)
  if packet.cause == CAUSE.ASKED then return end
  packet.spurious = true
  packet.stream.counters.spurious = packet.stream.counters.spurious + 1
  local totals = packet.stream.flow.totals
  totals.spurious = totals.spurious + 1
end

-- The packet whose loss explains that a piece is sent again in `packet`, if any: the first that did not do so yet. Those
-- lost with it do so with it.
local function loss_behind(flow, packet, piece)
  local found
  for _, carrier in ipairs(piece.carriers) do
    local number = carrier.number
    local lost = number < packet.number and number < flow.largest_acked and not carrier.acked
    if lost and number > (piece.explained or -1) and (not found or carrier.lost_in) then
      found = found or carrier
      piece.explained = number
    end
  end
  return found
end

-- The receiver does not hold these bytes of a transfer after all (MISSING): to send them again is right.
function flows.ask_again(flow, transfer_id, ranges)
  local stream = flow.streams["DATA" .. transfer_id]
  if not stream then return end
  stream.asked = stream.asked or intervals.new()
  for _, range in ipairs(ranges) do intervals.add(stream.asked, range.start, range.stop) end
end

local function is_asked(packet)
  local asked = packet.stream.asked
  if not asked then return false end
  local at = intervals.last_at_most(asked.starts, asked.count, packet.stop - 1)
  return at > 0 and packet.start < asked.stops[at]
end

local function cause_of(packet, original, lost)
  if original.acked then return is_asked(packet) and CAUSE.ASKED or CAUSE.NEEDLESS end
  if not lost then return CAUSE.SILENCE end
  return lost.lost_in and CAUSE.NUMBERS or CAUSE.TIME
end

local function link(flow, packet, original)
  if not packet.retransmission then
    packet.retransmission = true
    flows.count(flow, packet, "retransmitted", 1)
  end
  packet.of = original
  packet.waited = math.max(0, packet.time - original.time)
end

local function stream_of(flow, kind, id)
  local key = kind .. id
  local stream = flow.streams[key]
  if not stream then
    stream = { kind = kind, id = id, flow = flow, content = contents.new(), counters = flows.counters() }
    flow.streams[key] = stream
    flow.stream_list[#flow.stream_list + 1] = stream
  end
  return stream
end

-- Take in the bytes that a packet carries, and whether others carried them.
local function take_content(flow, packet)
  local stream, lost = packet.stream, nil
  if packet.stop <= packet.start then return end
  local high = stream.content.high
  local fresh, unseen, before, after = contents.carry(stream.content, packet, function(piece, earlier)
    if earlier then earlier.again_in = earlier.again_in or packet.frame end
    lost = loss_behind(flow, packet, piece) or lost
  end)
  flows.count(flow, packet, "bytes", fresh)
  if before then
    link(flow, packet, before)
    packet.cause = cause_of(packet, before, lost)
    if packet.cause == CAUSE.TIME then flows.lose_up_to(flow, lost.number, packet.frame) end
    if packet.unproved == 0 and not packet.spurious then flows.on_proved(packet) end
  elseif unseen and high > 0 and not packet.out_of_order then
    -- Offsets ascend when bytes are sent first: these were sent before, in a packet that was not captured.
    packet.retransmission, packet.cause = true, CAUSE.UNSEEN
    flows.count(flow, packet, "retransmitted", 1)
  end
  if after and (not after.of or after.of.number < packet.number) then
    link(flow, after, packet)
    after.cause = nil  -- what the sender knew then does not show where the order was changed
    packet.again_in = packet.again_in or after.frame
  end
  if packet.acked and packet.shared then contents.arrived(stream.content, packet, flows.on_proved) end
end

-- ---- one packet that was sent --------------------------------------------------------------------------------------

local function take_flight(flow, packet)
  if IN_FLIGHT[packet.type] and not packet.acked then
    packet.counted = true
    flow.flight = flow.flight + packet.size
  end
  packet.flight = flow.flight
  local window = flow.window or (flow.order[1] <= FIRST_NUMBERS and INITIAL_WINDOW)
  if window and packet.type == "DATA" and flow.flight + packet.size > window then packet.window_full = true end
  if flow.flight > flow.totals.max_flight then flow.totals.max_flight = flow.flight end
  local counters = packet.stream and packet.stream.counters
  if counters and flow.flight > counters.max_flight then counters.max_flight = flow.flight end
end

-- Take in a packet that this flow sent. kind, id: what its bytes start to stop belong to; nil when it carries none.
-- False when it is a duplicated datagram, or none of this flow.
function flows.take(flow, packet, kind, id)
  if not take_number(flow, packet) then return false end
  if packet.out_of_order then flow.totals.out_of_order = flow.totals.out_of_order + 1 end
  flow.totals.packets = flow.totals.packets + 1
  flow.totals.first = flow.totals.first or packet.time
  flow.totals.last = packet.time
  if kind then
    local stream = stream_of(flow, kind, id)
    local counters = stream.counters
    packet.stream = stream
    counters.packets = counters.packets + 1
    counters.first = counters.first or packet.time
    counters.last = packet.time
    if packet.out_of_order then counters.out_of_order = counters.out_of_order + 1 end
    take_content(flow, packet)
  end
  if ELICITING[packet.type] then take_flight(flow, packet) end
  return true
end
