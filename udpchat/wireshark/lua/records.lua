-- Records: header, and the fields of the body by type.

local schema = U.schema
local HEADER_SIZE, TYPE_AT = schema.record_header_size, 4

U.field("udpchat.record.undecoded", "bytes", "Body", { description = "of a record type that is not known here" })
U.field("udpchat.record.later", "bytes", "Later fields", { description = "of a newer version; ignored" })
U.expert("udpchat.record.unknown_type", "A record type that is not known here: the answer is UNSUPPORTED", "UNDECODED", "NOTE")
U.expert("udpchat.record.broken", "The channel holds what is no record: the receiver closes the connection", "PROTOCOL", "ERROR")

U.field("udpchat.record.blocks.hash", "bytes", "SHA-256", { description = "of one block" })
U.expert("udpchat.record.blocks.odd", "Not a whole number of hashes", "PROTOCOL", "WARN")

local record_type_row = U.row(schema.record_header, "record_type")

-- UNSUPPORTED has the bare number of a type.
local function name_type(tree, record, values)
  local name = record.name == "UNSUPPORTED" and record_type_row.names[values.record_type]
  if name then tree:append_text(" (" .. name .. ")") end
end

-- The hashes of BLOCKS one by one, each with the number of its block; they end at `stop`.
local function show_hashes(tree, tvb, stop, values)
  local size, count = schema.hash_size, math.floor(#values.hashes / schema.hash_size)
  if #values.hashes % size ~= 0 then tree:add_proto_expert_info(U.experts["udpchat.record.blocks.odd"]) end
  local start = stop - #values.hashes
  for index = 0, count - 1 do
    local hash = values.hashes:sub(index * size + 1, (index + 1) * size)
    local item = tree:add(U.fields["udpchat.record.blocks.hash"], tvb(start + index * size, size))
    item:set_text("Block " .. U.number(values.first + index) .. ": " .. U.hex(hash))
  end
end

local function read_body(record, tree, tvb, at, stop, values)
  local state = { instead = "udpchat.record.broken" }
  at = U.read_fields(record.fields, tree, tvb, at, stop, values, state)
  if not at then return end
  if record.name == "BLOCKS" then show_hashes(tree, tvb, at, values) end
  if at < stop then tree:add(U.fields["udpchat.record.later"], tvb(at, stop - at)) end
  local wrong = U.wrong_in_record(values)
  if wrong then U.refuse(state, tree, "udpchat.illegal_value", wrong) end
  name_type(tree, record, values)
end

-- Dissect the whole record at tvb[at], `size` bytes with its header.
-- Returns { name =, type =, request_id =, fields = }; of an unknown type the name is nil.
function U.dissect_record(tree, tvb, at, size)
  local record = schema.records[tvb(at + TYPE_AT, 1):uint()]
  local item = tree:add(U.fields["udpchat.record"], tvb(at, size))
  if record then item:add(record.field, tvb(at, size)):set_hidden() end -- for filters: one name for each type
  local header, values = {}, {}
  local body = U.read_fields(schema.record_header, item, tvb, at, at + size, header, {})
  local read = { type = header.record_type, request_id = header.request_id, fields = values }
  if record then
    read.name = record.name
    read_body(record, item, tvb, body, at + size, values)
  else
    item:add_proto_expert_info(U.experts["udpchat.record.unknown_type"])
    if size > HEADER_SIZE then item:add(U.fields["udpchat.record.undecoded"], tvb(body, size - HEADER_SIZE)) end
  end
  item:set_text("Record: " .. U.record_summary(read))
  return read, item
end
