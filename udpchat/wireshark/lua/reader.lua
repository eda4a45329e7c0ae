-- Fields by their rows: into the tree, and as plain Lua values.

local schema = U.schema
local MAX_NUMBER = schema.max_number

-- A field that is not there; `state.cut` is set when the capture, not the packet, ends there.
local function short(row, tree, state)
  if not state.cut then U.refuse(state, tree, "udpchat.truncated", "the end is inside " .. row.title:lower()) end
  return nil
end

local function check_number(row, item, value, state)
  if value > MAX_NUMBER then
    U.refuse(state, item, "udpchat.illegal_value", row.title:lower() .. " must be below 2^53")
  end
end

local function number_at(tvb, at, size)
  local range = tvb(at, size)
  if size == 8 then return range, U.read_u64(range) end
  return range, range:uint()
end

local readers = {}

function readers.uint(row, tree, tvb, at, stop, values, state)
  local size = row.size
  if at + size > stop then return short(row, tree, state) end
  local range, value = number_at(tvb, at, size)
  local item = tree:add(row.field, range)
  if size == 8 then
    check_number(row, item, value, state)
    if row.unit == "us" then
      local date = U.date_text(value)
      if date then item:append_text(" (" .. date .. ")") end
    end
  end
  values[row.name] = value
  return at + size
end

function readers.enum(row, tree, tvb, at, stop, values, state)
  local size = row.size
  if at + size > stop then return short(row, tree, state) end
  local range = tvb(at, size)
  local value = range:uint()
  local item = tree:add(row.field, range)
  if not row.names[value] then item:add_proto_expert_info(U.experts["udpchat.unknown_value"]) end
  values[row.name] = value
  return at + size
end

function readers.flags(row, tree, tvb, at, stop, values, state)
  local size = row.size
  if at + size > stop then return short(row, tree, state) end
  local range = tvb(at, size)
  local value, set = range:uint(), {}
  local unknown = value
  local item = tree:add(row.field, range)
  for index, flag in ipairs(row.names) do
    item:add(row.bits[index], range)
    if value % (2 * flag[1]) >= flag[1] then
      set[#set + 1] = flag[2]
      unknown = unknown - flag[1]
    end
  end
  if set[1] then item:append_text(" (" .. table.concat(set, ", ") .. ")") end
  values[row.name] = value
  return at + size, item, unknown
end

function readers.bytes(row, tree, tvb, at, stop, values, state)
  local size = row.size
  if at + size > stop then return short(row, tree, state) end
  local range = tvb(at, size)
  tree:add(row.field, range)
  if row.name ~= "padding" then values[row.name] = range:raw() end
  return at + size
end

-- Where bytes after their length start and stop, or nil.
local function counted(row, tree, tvb, at, stop, state)
  local start = at + row.prefix
  if start > stop then return short(row, tree, state) end
  local range, length = number_at(tvb, at, row.prefix)
  tree:add(row.length_field, range)
  if start + length > stop then return short(row, tree, state) end
  return start, length
end

-- A password or a ticket: that it is there, but never what it is. The item has no bytes: they would be in its value.
local function hide(row, tree, values)
  values[row.name] = "(hidden)"
  return tree:add(row.field, values[row.name])
end

function readers.blob(row, tree, tvb, at, stop, values, state)
  local start, length = counted(row, tree, tvb, at, stop, state)
  if not start then return nil end
  values[row.name] = ""
  if length > 0 and row.secret then
    hide(row, tree, values)
  elseif length > 0 then
    local range = tvb(start, length)
    tree:add(row.field, range)
    values[row.name] = range:raw()
  end
  return start + length
end

function readers.string(row, tree, tvb, at, stop, values, state)
  local start, length = counted(row, tree, tvb, at, stop, state)
  if not start then return nil end
  if length == 0 then
    tree:add(row.field, "")
    values[row.name] = ""
    return start
  end
  local range = tvb(start, length)
  local text = range:raw()
  values[row.name] = text
  local item = row.secret and hide(row, tree, values) or tree:add_packet_field(row.field, range, ENC_UTF_8)
  if not U.is_utf8(text) then U.refuse(state, item, "udpchat.illegal_value", row.title:lower() .. " is not UTF-8") end
  return start + length
end

local function read_item(row, tree, tvb, at, index, state)
  local element = tree:add(row.field, tvb(at, row.item_size))
  local values = {}
  for _, item in ipairs(row.items) do
    at = readers[item.kind](item, element, tvb, at, at + item.size, values, state)
  end
  element:set_text(("Range %d: %s to %s"):format(index, U.number(values.start), U.number(values.stop - 1)))
  return at, values
end

function readers.array(row, tree, tvb, at, stop, values, state)
  local start = at + row.prefix
  if start > stop then return short(row, tree, state) end
  local range, count = number_at(tvb, at, row.prefix)
  tree:add(row.count_field, range)
  local list = {}
  values[row.name] = list
  at = start
  for index = 1, count do
    if at + row.item_size > stop then return short(row, tree, state) end
    at, list[index] = read_item(row, tree, tvb, at, index, state)
  end
  return at
end

function readers.greedy(row, tree, tvb, at, stop)
  if stop > at then tree:add(row.field, tvb(at, stop - at)) end
  return stop
end

-- Read all rows from tvb[at] to tvb[stop]. values: gets each field by name, texts and bytes as strings, ranges as an
-- array of {start=, stop=}; padding and bytes to the end stay out. state: `cut` when the capture ends at stop though
-- the packet does not; `damaged` is set when a receiver would refuse this. Returns where the last field ended, or nil.
function U.read_fields(rows, tree, tvb, at, stop, values, state)
  for _, row in ipairs(rows) do
    at = readers[row.kind](row, tree, tvb, at, stop, values, state)
    if not at then return nil end
  end
  return at
end

U.readers = readers
