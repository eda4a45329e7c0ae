-- One packet after the other: header, clear part, sealed part, trailer; then analysis; then the info column.
--
-- What other parts (analysis, statistics, reassembly, endpoint) build on:
--
-- At load, in any part:
--   U.field(filter name, kind, title, options)     declares a field, returns the ProtoField; see namespace.lua
--   U.expert(filter name, text, group, severity)   declares an expert item, returns the ProtoExpert
--   U.fields[filter name], U.experts[filter name]  what was declared; filter names are whole ("udpchat.data.offset")
--   U.proto.prefs.<name> = Pref.bool(...)          a preference of your own; read it as U.proto.prefs.<name>
--   U.on_reset(function)                           called before a capture is read (again): forget everything
-- register.lua, the last part, registers all of it.
--
-- U.analysis.on_packet(packet, tree, pinfo), if it is there and the preference "analyze" is on, is called for each
-- packet on every pass, after it was dissected and before its line is written. tree: the item of this packet.
-- Not called for packets inside ICMP errors, or when not even the header was captured. packet:
--   id            unique for the packet in the capture, the same on every pass: key what you store by this. It is the
--                 frame number, unless a frame holds several packets (captured before they were cut apart): then the
--                 second is frame + 1/65536 and so on
--   frame, index  frame number; which packet in the frame, from 1 on
--   visited       pinfo.visited: false on the first pass, the only one that may change state
--   time, rel     seconds since 1970, and since the first frame
--   interface     number of the interface in a pcapng file (0 where there is none, or where it is not known)
--   outbound      whether the machine that captured it sent it; nil where the capture does not say
--   place         where it was captured, as far as that is known: the same packet may be seen at several places
--   src, dst      "address:port" (IPv6 in brackets)
--   type          "DATA", "ACK" ...; nil when the number is not known
--   number        packet number; flags: as a number; from_server, sealed: booleans
--   connection    16 hex digits of the connection id; on handshake packets (handshake = true: HELLO, COOKIE, REPLY,
--                 VERSION) it is the attempt id instead
--   flow          connection, direction and place in one string: what a run of packet numbers belongs to
--   size          bytes of the packet on the wire, header and trailer included: the UDP payload
--   body          clear fields by name as Lua values; where a body is readable (plaintext, or opened with the key log)
--                 also its fields (CLOSE: code, reason ...). Numbers are numbers, texts and bytes are strings, ranges
--                 are arrays of { start =, stop = } in the order of the packet
--   whole         true when all clear fields were read; when false some fields of body may be missing
--   chunk_length  DATA: bytes of file in it, sealed or not; content_length: the same for MSG
--   chunk         DATA: TvbRange of them when readable, captured and not empty; valid during the call only: keep
--                 chunk:raw()
--   records       array of { name =, type =, request_id =, fields = }: records that this packet completed; name is nil
--                 when the type is not known. fields may lack some when the record is broken
--   damaged       true when a receiver drops it for what can be seen: checksum or tag known bad, malformed, illegal
--   cut           true when the capture does not hold all of it
--   prefix        nil; set it, and the line of the packet list starts with it: "[Retransmission of #790]"
-- The function may also return the prefix.

local schema = U.schema
local HEADER_SIZE, TRAILER_SIZE = schema.header_size, schema.trailer_size
local TYPE_AT, LENGTH_AT = 3, 6
local min = math.min

U.proto.prefs.analyze = Pref.bool("Analyze packet numbers", true,
  "Losses, retransmissions, round-trip times, bytes in flight")

U.field("udpchat.sealed_body", "bytes", "Sealed body", { description = "encrypted with ChaCha20" })
U.field("udpchat.packet_count", "uint32", "Packets in this datagram")
U.expert("udpchat.params.broken", "The parameters cannot be read: the client drops the packet", "PROTOCOL", "ERROR")
U.expert("udpchat.offloaded", "Several packets, captured before they were cut apart", "SEQUENCE", "CHAT")

local function check_length(packet, tree, needed, state)
  if packet.size == needed then return end
  local text = ("the header says %d bytes, the datagram has %d"):format(needed, packet.size)
  U.refuse(state, tree, packet.size < needed and "udpchat.truncated" or "udpchat.trailing", text)
end

-- Read fields that have to fill tvb[at] to tvb[stop].
local function read_all(packet, rows, tree, tvb, at, stop, state)
  at = U.read_fields(rows, tree, tvb, at, stop, packet.body, state)
  if at and at < stop then
    U.refuse(state, tree, "udpchat.trailing", U.number(stop - at) .. " bytes behind the last field")
  end
  return at
end

local function show_params(packet, tree, tvb, stop, state)
  local size = #packet.body.noise
  if size == 0 then return end
  local item = tree:add(U.fields["udpchat.params"], tvb(stop - size, size))
  packet.params = {}
  local inside = { instead = "udpchat.params.broken", cut = state.cut }
  local at = U.read_fields(schema.params, item, tvb, stop - size, stop, packet.params, inside)
  if at and at < stop then U.refuse(inside, item, "udpchat.trailing") end
end

local function read_clear(packet, tree, tvb, at, stop, state)
  local rows, read = packet.schema.clear, nil
  if packet.schema.handshake or packet.type == "ACK" then
    read = read_all(packet, rows, tree, tvb, at, stop, state)
  else
    read = U.read_fields(rows, tree, tvb, at, stop, packet.body, state)
  end
  packet.whole = read ~= nil
  if not read then
    packet.note = state.cut and "not captured" or "cut short"
    return nil
  end
  local wrong = U.wrong_in_packet(packet)
  if wrong then U.refuse(state, tree, "udpchat.illegal_value", wrong) end
  if packet.type == "REPLY" and not packet.sealed then show_params(packet, tree, tvb, read, state) end
  return read
end

-- What a MSG carries, without tvb when that cannot be read; damaged ones bring nothing to their channel.
local function show_content(packet, tree, state, tvb, at, stop)
  packet.content_start = at
  if not packet.visited and not packet.quoted and not state.damaged then
    local text = tvb and not state.cut and (stop > at and tvb(at, stop - at):raw() or "") or nil
    U.feed_channel(packet, packet.content_length, text)
  end
  U.show_channel(packet, tree, tvb)
end

-- The sealed part, in the clear: of a plaintext session, or opened. item: where its fields go.
local function read_body(packet, tree, item, tvb, at, stop, state)
  read_all(packet, packet.schema.sealed, item, tvb, at, stop, state)
  if packet.type == "DATA" and stop > at and not state.cut then packet.chunk = tvb(at, stop - at) end
  if packet.type == "MSG" then show_content(packet, tree, state, tvb, at, stop) end
end

local function open_body(packet, tree, tvb, part, state)
  local size = part.stop - part.at
  if size > 0 then tree:add(U.fields["udpchat.sealed_body"], tvb(part.at, size)) end
  local plain = not state.cut and U.open_sealed(packet, tree, tvb, part, state)
  if plain then
    read_body(packet, tree, tree:add(packet.schema.field, plain()), plain, 0, plain:len(), state)
  elseif packet.type == "MSG" then
    show_content(packet, tree, state)
  end
end

-- Clear part and sealed part, from tvb[at] on. part: see U.open_sealed; its stop is that on the wire.
local function read_parts(packet, tree, tvb, at, part, state)
  local stop = min(part.stop, tvb:captured_len())
  state.cut = part.stop > stop
  local item = stop > at and tree:add(packet.schema.field, tvb(at, stop - at)) or tree
  local clear_stop = read_clear(packet, item, tvb, at, stop, state)
  if not clear_stop then return end
  if packet.type == "DATA" then packet.chunk_length = part.stop - clear_stop end
  if packet.type == "MSG" then packet.content_length = part.stop - clear_stop end
  part.at, part.stop = clear_stop, stop
  if packet.schema.handshake then return end
  if packet.sealed then
    open_body(packet, tree, tvb, part, state)
  elseif packet.type ~= "ACK" then
    read_body(packet, tree, item, tvb, clear_stop, stop, state)
  end
end

-- All that follows a header.
local function read_rest(packet, header, tree, tvb, start, stop, state)
  local at, captured = start + HEADER_SIZE, min(stop, tvb:captured_len())
  local needed = HEADER_SIZE + header.body_length + TRAILER_SIZE
  if packet.quoted and packet.size < needed then -- an ICMP error holds the start of what it is about
    packet.size, packet.cut, stop = needed, true, start + needed
  end
  check_length(packet, tree, needed, state)
  if not packet.schema then
    if captured > at then tree:add(U.fields["udpchat.undecoded"], tvb(at, captured - at)) end
    return
  end
  local part = { start = start, stop = min(at + header.body_length, stop), trailer = start + needed - TRAILER_SIZE }
  if start + needed > captured then part.trailer = nil end
  local status = part.trailer and U.checksum_status(packet, tvb, start, part.trailer)
  if status == 0 then state.damaged = true end
  read_parts(packet, tree, tvb, at, part, state)
  if part.trailer then U.show_trailer(packet, tree, tvb, part.trailer, status) end
end

local function analyze(packet, tree, pinfo)
  if packet.quoted or not packet.flow or not U.analysis or not U.proto.prefs.analyze then return end
  local prefix = U.analysis.on_packet(packet, tree, pinfo)
  packet.prefix = packet.prefix or prefix
end

-- Dissect the packet at tvb[start] to tvb[stop]; returns its line for the packet list.
local function dissect_packet(tvb, start, stop, pinfo, root, index)
  local captured = min(stop, tvb:captured_len())
  local packet = U.new_packet(pinfo, index, stop - start)
  packet.cut = stop > captured
  local tree = root:add(U.proto, tvb(start, captured - start))
  local state = { cut = packet.cut }
  if U.is_foreign(tvb, start, captured) then
    U.read_foreign(packet, tree, tvb, start, captured, state)
  else
    local header = U.read_header(packet, tree, tvb, start, captured, state)
    if header and not (packet.visited or packet.quoted) then U.note_start(packet) end
    if header then read_rest(packet, header, tree, tvb, start, stop, state) end
  end
  if packet.cut then U.remark(tree, "udpchat.not_captured") end
  packet.damaged = state.damaged or false
  analyze(packet, tree, pinfo)
  local info = U.info(packet)
  tree:set_text("udpchat, " .. info)
  return info
end

-- Where the packet at `start` ends: at the end of the datagram, unless another packet follows it there.
local function packet_stop(tvb, start)
  local wire, have = tvb:reported_len(), tvb:captured_len()
  if start + HEADER_SIZE > have then return wire end
  local stop = start + HEADER_SIZE + tvb(start + LENGTH_AT, 2):uint() + TRAILER_SIZE
  if stop + HEADER_SIZE + TRAILER_SIZE > wire or stop + HEADER_SIZE > have then return wire end
  local follows = tvb(stop, 2):uint() == schema.magic and tvb(stop + 2, 1):uint() == schema.version
    and schema.packets[tvb(stop + TYPE_AT, 1):uint()]
  return follows and stop or wire
end

-- Dissect all packets of a datagram.
function U.dissect(tvb, pinfo, root)
  pinfo.cols.protocol = "udpchat"
  local wire, start, index, line = tvb:reported_len(), 0, 0, nil
  repeat
    local stop = packet_stop(tvb, start)
    index = index + 1
    local info = dissect_packet(tvb, start, stop, pinfo, root, index)
    line = line or info
    start = stop
  until start >= wire or start >= tvb:captured_len()
  if index > 1 then
    local tree = root:add(U.proto, tvb())
    tree:set_text(("udpchat, %d packets in one datagram"):format(index))
    U.remark(tree:add(U.fields["udpchat.packet_count"], index):set_generated(), "udpchat.offloaded")
    line = ("%s (and %d more packets)"):format(line, index - 1)
  end
  pinfo.cols.info = line
  return wire
end

-- How far the start of a datagram looks like one of ours: whether the magic fits, and whether all else does.
function U.signs(tvb)
  local have, wire = tvb:captured_len(), tvb:reported_len()
  local magic = have >= 2 and tvb(0, 2):uint() == schema.magic
  if have < HEADER_SIZE then return magic, false end
  local known = tvb(2, 1):uint() == schema.version and schema.packets[tvb(TYPE_AT, 1):uint()] ~= nil
  local needed = HEADER_SIZE + tvb(LENGTH_AT, 2):uint() + TRAILER_SIZE
  return magic, known and (needed == wire or needed < wire and packet_stop(tvb, 0) < wire)
end
