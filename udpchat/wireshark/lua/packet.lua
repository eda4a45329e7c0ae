-- The header of a packet, and the table that says of a packet what other parts need; see engine.lua for its contents.

local schema = U.schema
local TYPE_AT, ID_AT, ID_SIZE = 3, 8, 8

U.field("udpchat.undecoded", "bytes", "Undecoded")

-- On the first pass of two there may be no tree, and then no field has a value: what must be known there comes from
-- pinfo. So places of capture are told apart by direction, too.
local interface_field = Field.new("frame.interface_id")
local OUTBOUND = { [0] = true, [1] = false }  -- by pinfo.p2p_dir

-- What stands at the same place in all versions (docs/protocol.md section 4.9).
local FIXED_PLACES = { 0, 2, TYPE_AT, ID_AT }
local fixed_rows = { [0] = U.row(schema.header, "magic"), [2] = U.row(schema.header, "version"),
  [TYPE_AT] = U.row(schema.header, "type"), [ID_AT] = U.row(schema.header, "connection_id") }

local function endpoint(address, port)
  local text = tostring(address)
  return (text:find(":", 1, true) and "[" .. text .. "]" or text) .. ":" .. port
end

-- A packet of which nothing was read yet. index: which in its frame. size: of the packet on the wire.
function U.new_packet(pinfo, index, size)
  local interface = interface_field()
  return {
    id = index == 1 and pinfo.number or pinfo.number + (index - 1) / 65536,
    frame = pinfo.number, index = index, visited = pinfo.visited, time = pinfo.abs_ts, rel = pinfo.rel_ts,
    interface = interface and interface.value or 0,
    src = endpoint(pinfo.src, pinfo.src_port), dst = endpoint(pinfo.dst, pinfo.dst_port),
    size = size, body = {}, records = {}, whole = false, note = "cut short",
    outbound = OUTBOUND[pinfo.p2p_dir],
    quoted = pinfo.in_error_pkt, -- inside an ICMP error: told, not sent
  }
end

local function has_flag(flags, mask)
  return flags % (2 * mask) >= mask
end

local function note_header(packet, header)
  local flags = header.flags
  packet.number, packet.flags = header.packet_number, flags
  packet.from_server = has_flag(flags, schema.from_server)
  packet.sealed = has_flag(flags, schema.sealed)
  packet.key_phase = has_flag(flags, schema.key_phase) and 1 or 0
  packet.connection = U.hex(header.connection_id)
  packet.place = U.number(packet.interface)
  if packet.outbound ~= nil then
    packet.place = packet.place .. (packet.outbound == packet.from_server and " at the server" or " at the client")
  end
  packet.flow = packet.connection .. (packet.from_server and " server " or " client ") .. packet.place
  packet.schema = schema.packets[header.type]
  if packet.schema then
    packet.type = packet.schema.name
    packet.handshake = packet.schema.handshake and packet.type ~= "RESET"
  else
    packet.note = "type " .. header.type .. ", not known here"
  end
end

local function check_header(packet, header, tree, flags_item, unknown_flags, state)
  if header.magic ~= schema.magic then U.refuse(state, tree, "udpchat.bad_magic") end
  if unknown_flags > 0 then U.refuse(state, flags_item, "udpchat.unknown_flags") end
  if header.version ~= schema.version then U.remark(tree, "udpchat.unknown_version") end
  if packet.key_phase == 1 and not packet.sealed then
    U.refuse(state, flags_item, "udpchat.illegal_value", "a plaintext session has no key phase")
  end
  if not packet.schema then U.refuse(state, tree, "udpchat.unknown_type") end
end

-- Read the header at tvb[start]; returns its fields by name, or nil when it is not there.
function U.read_header(packet, tree, tvb, start, stop, state)
  local header, at = {}, start
  local flags_item, unknown_flags
  for _, row in ipairs(schema.header) do
    local item, unknown
    at, item, unknown = U.readers[row.kind](row, tree, tvb, at, stop, header, state)
    if not at then
      packet.note = state.cut and "header not captured" or "header cut short"
      return nil
    end
    if row.name == "flags" then flags_item, unknown_flags = item, unknown end
  end
  note_header(packet, header)
  check_header(packet, header, tree, flags_item, unknown_flags, state)
  return header
end

-- Whether the packet is of another version, of which only what all versions share can be read. VERSION packets can.
function U.is_foreign(tvb, start, stop)
  if stop - start < ID_AT + ID_SIZE then return false end
  local kind = schema.packets[tvb(start + TYPE_AT, 1):uint()]
  return tvb(start, 2):uint() == schema.magic and tvb(start + 2, 1):uint() ~= schema.version
    and not (kind and kind.name == "VERSION")
end

-- Read such a packet.
function U.read_foreign(packet, tree, tvb, start, stop, state)
  local header = {}
  for _, at in ipairs(FIXED_PLACES) do
    local row = fixed_rows[at]
    U.readers[row.kind](row, tree, tvb, start + at, stop, header, state)
  end
  local kind = schema.packets[header.type]
  packet.note = "version " .. header.version .. " of the protocol" .. (kind and ", " .. kind.name or "")
  U.refuse(state, tree, "udpchat.unknown_version")
  local rest = start + ID_AT + ID_SIZE
  if rest < stop then tree:add(U.fields["udpchat.undecoded"], tvb(rest, stop - rest)) end
end
