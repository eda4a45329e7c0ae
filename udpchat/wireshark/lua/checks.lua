-- What a field may hold and what not: the receiver drops such packets, or closes the connection.

local schema = U.schema

-- Of group PROTOCOL, not MALFORMED: that would add _ws.malformed, which stands for a dissector that failed.
U.expert("udpchat.truncated", "The packet ends too early", "PROTOCOL", "ERROR")
U.expert("udpchat.trailing", "Bytes behind the last field", "PROTOCOL", "ERROR")
U.expert("udpchat.not_captured", "The rest was not captured", "UNDECODED", "NOTE")
U.expert("udpchat.illegal_value", "A value that is not allowed: the receiver drops the packet", "PROTOCOL", "ERROR")
U.expert("udpchat.bad_magic", "Not the magic of udpchat: the receiver drops the packet", "PROTOCOL", "ERROR")
U.expert("udpchat.unknown_version", "A version of the protocol that is not known here", "UNDECODED", "WARN")
U.expert("udpchat.unknown_type", "A packet type that is not known: the receiver drops the packet", "UNDECODED", "WARN")
U.expert("udpchat.unknown_flags", "Flag bits that are not known: the receiver drops the packet", "PROTOCOL", "ERROR")
U.expert("udpchat.unknown_value", "A number that has no name here", "UNDECODED", "NOTE")

-- Attach an expert item; without a text it has its own. (An argument that is nil raises.)
function U.remark(item, name, text)
  if text then
    item:add_proto_expert_info(U.experts[name], text)
  else
    item:add_proto_expert_info(U.experts[name])
  end
end

-- The same, and `state` remembers that the packet is none that a receiver takes. Inside records and PARAMS the item is
-- `state.instead`, whatever is wrong.
function U.refuse(state, item, name, text)
  U.remark(item, state.instead or name, text)
  state.damaged = true
end

local function runs_ascend(ranges)
  local previous = -1
  for _, range in ipairs(ranges) do
    if not (previous < range.start and range.start < range.stop) then return false end
    previous = range.stop
  end
  return previous <= schema.max_number
end

local function runs_descend(ranges)
  local previous = schema.max_number + 2
  for _, range in ipairs(ranges) do
    if not (range.start < range.stop and range.stop < previous) then return false end
    previous = range.start
  end
  return true
end

local CHECKS = {}

function CHECKS.ACK(values)
  local ranges = values.ranges
  if #ranges < 1 or #ranges > schema.max_ack_ranges then return "an ACK has 1 to 64 ranges" end
  if ranges[1].stop ~= values.largest + 1 then return "the first range must end with the largest number" end
  if not runs_descend(ranges) then return "ranges must go from the newest to the oldest, with gaps between" end
end

function CHECKS.VERSION(values)
  if values.lowest > values.highest then return "the oldest version is newer than the newest" end
end

function CHECKS.HELLO(_, size)
  if size < schema.hello_size then return "a HELLO has at least " .. schema.hello_size .. " bytes" end
end

-- A sentence about what is wrong between the clear fields of a packet, all of which were read, or nil.
function U.wrong_in_packet(packet)
  local check = CHECKS[packet.type]
  return check and check(packet.body, packet.size)
end

-- The same for a record.
function U.wrong_in_record(values)
  for _, value in pairs(values) do
    if type(value) == "table" and not runs_ascend(value) then return "ranges must ascend, with gaps between" end
  end
end
