-- ProtoFields for everything in the tables; each row gets its own, to be used by the reader.

local NUMBER = { [1] = "uint8", [2] = "uint16", [4] = "uint32", [8] = "uint64" }

-- What one element of an array is called: ranges -> range.
local function singular(name)
  return (name:gsub("s$", ""))
end

local function declare_flags(row, abbreviation)
  row.field = U.field(abbreviation, NUMBER[row.size], row.title, { base = "HEX", description = row.doc })
  row.bits = {}
  for index, flag in ipairs(row.names) do
    local mask, label = flag[1], flag[2]
    local title = label:sub(1, 1) .. label:sub(2):lower():gsub("_", " ")
    row.bits[index] = U.field(abbreviation .. "." .. label:lower(), "bool", title, { width = row.size * 8, mask = mask })
  end
end

local declare

local function declare_array(row, abbreviation)
  local element = singular(abbreviation)
  row.count_field = U.field(element .. "_count", NUMBER[row.prefix], "Number of " .. row.name)
  row.field = U.field(element, "none", singular(row.title), { description = row.doc })
  row.item_size = 0
  for _, item in ipairs(row.items) do row.item_size = row.item_size + item.size end
  declare(row.items, element)
end

-- Give each row its field, under a filter name that starts with `scope`.
declare = function(rows, scope)
  for _, row in ipairs(rows) do
    local abbreviation = scope .. "." .. row.name
    if row.kind == "flags" then
      declare_flags(row, abbreviation)
    elseif row.kind == "array" then
      declare_array(row, abbreviation)
    elseif row.kind == "bytes" or row.kind == "greedy" then
      row.field = U.field(abbreviation, "bytes", row.title, { description = row.doc })
    elseif row.kind == "blob" or row.kind == "string" then
      row.length_field = U.field(abbreviation .. "_length", NUMBER[row.prefix], row.title .. " length", { unit = "bytes" })
      local kind = row.kind == "blob" and not row.secret and "bytes" or "string"
      row.field = U.field(abbreviation, kind, row.title, { description = row.doc })
    else
      local options = { description = row.doc, unit = row.unit, base = row.hex and "HEX" or nil }
      if row.kind == "enum" then options.names = row.names end
      row.field = U.field(abbreviation, NUMBER[row.size], row.title, options)
    end
    row.abbreviation = abbreviation
  end
end

local schema = U.schema
declare(schema.header, "udpchat")
for _, packet in pairs(schema.packets) do
  local scope = "udpchat." .. packet.name:lower()
  if U.fields[scope] then scope = scope .. "_packet" end -- VERSION, of the same name as a field of the header
  packet.field = U.field(scope, "none", packet.name)
  declare(packet.clear, scope)
  declare(packet.sealed, scope)
end
U.field("udpchat.params", "none", "PARAMS")
declare(schema.params, "udpchat.params")
U.field("udpchat.record", "none", "Record", { description = "of any type" })
declare(schema.record_header, "udpchat.record")
for _, record in pairs(schema.records) do
  local scope = "udpchat.record." .. record.name:lower()
  record.field = U.field(scope, "none", record.name)
  declare(record.fields, scope)
end

-- The row of that name.
function U.row(rows, name)
  for _, row in ipairs(rows) do
    if row.name == name then return row end
  end
end
