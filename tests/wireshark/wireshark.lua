-- As much of Wireshark's Lua interface as the dissector uses, for Lua versions of which there is no tshark here.
--   lua wireshark.lua udpchat.lua [preference=value ...] < packets
-- Packets are lines `<us> <source> <source port> <destination> <destination port> <hex>`; prints the info column of each.
-- Strict where Wireshark is: reads beyond the end, nil arguments and empty ranges raise.

local function check(condition, words)
  if not condition then error(words, 3) end
end

local function anything()
  return setmetatable({}, { __index = function(_, name) return name end })
end

base = { NONE = 0, DEC = 1, HEX = 2, UTC = 19, UNIT_STRING = 0x1000 }
frametype, ENC_UTF_8, MENU_TOOLS_UNSORTED = anything(), 2, 0
expert = { group = anything(), severity = anything() }
local preferences = {}

Pref = {
  bool = function(_, value) return value end,
  string = function(_, value) return value end,
  range = function(_, value) return value end,
}
ProtoField = setmetatable({}, {
  __index = function(_, kind)
    return function(abbreviation, title)
      check(abbreviation and title, "a field without name or title")
      return { field = abbreviation, kind = kind }
    end
  end,
})
ProtoExpert = { new = function(name, text, group, severity)
  check(name and text and group and severity, "an expert item that lacks something")
  return { expert = name }
end }
Field = { new = function() return function() return nil end end }

local registered
function Proto(name)
  local values = {}
  local prefs = setmetatable({}, {
    __index = values,
    __newindex = function(_, key, value)
      if preferences[key] ~= nil then value = preferences[key] end
      values[key] = value
    end,
  })
  registered = { name = name, prefs = prefs, register_heuristic = function() end }
  return registered
end
DissectorTable = { get = function()
  local ignore = function() end
  return { add = ignore, remove = ignore, add_for_decode_as = ignore }
end }
Listener = { new = function() return {} end }
NSTime = { new = function(seconds, nanoseconds) check(seconds and nanoseconds, "no time") return {} end }
function set_plugin_info() end
function register_stat_cmd_arg() end
function gui_enabled() return false end

-- 64 bits; as in Wireshark, tonumber() gives a float.
function UInt64(value)
  return { tonumber = function() return value + 0.0 end }
end

local new_tvb

local range_methods = {}
range_methods.__index = range_methods
function range_methods.raw(range) return range.bytes end
function range_methods.len(range) return #range.bytes end
function range_methods.tvb(range) return new_tvb(range.bytes) end
function range_methods.string(range) return range.bytes end
function range_methods.uint(range)
  check(#range.bytes <= 4, "uint of more than 4 bytes")
  local value = 0
  for at = 1, #range.bytes do value = value * 256 + range.bytes:byte(at) end
  return value
end
function range_methods.uint64(range)
  check(#range.bytes <= 8, "uint64 of more than 8 bytes")
  local value = 0.0
  for at = 1, #range.bytes do value = value * 256 + range.bytes:byte(at) end
  return UInt64(value)
end

function new_tvb(bytes)
  return setmetatable({
    len = function() return #bytes end,
    captured_len = function() return #bytes end,
    reported_len = function() return #bytes end,
  }, { __call = function(_, at, size)
    at = at or 0
    size = size or #bytes - at
    check(at >= 0 and size > 0 and at + size <= #bytes, ("range %s+%s of %d bytes"):format(at, size, #bytes))
    return setmetatable({ bytes = bytes:sub(at + 1, at + size) }, range_methods)
  end })
end

ByteArray = { new = function(bytes, raw)
  check(raw == true, "a byte array that is not raw")
  return { tvb = function() return new_tvb(bytes) end }
end }

local item_methods = {}
item_methods.__index = item_methods
local function new_item() return setmetatable({}, item_methods) end
local function same(item, text)
  check(type(text) == "string", "no text")
  return item
end
item_methods.append_text, item_methods.set_text = same, same
function item_methods.set_generated(item) return item end
function item_methods.set_hidden(item) return item end
function item_methods.add(_, what, ...)
  check(what, "no field")
  for index = 1, select("#", ...) do check(select(index, ...) ~= nil, "an argument that is nil") end
  check(what.kind ~= "none" or select("#", ...) <= 1, "a field of no type has no value")
  return new_item()
end
function item_methods.add_packet_field(_, field, range, encoding)
  check(field and range and encoding, "an argument that is nil")
  return new_item()
end
function item_methods.add_proto_expert_info(item, info, ...)
  check(info and info.expert, "no expert item")
  check(select("#", ...) == 0 or type((...)) == "string", "an expert item whose text is nil")
  return item
end

local function dissect(number, line)
  local us, source, source_port, destination, destination_port, hex = line:match("^(%d+) (%S+) (%d+) (%S+) (%d+) (%x+)$")
  local bytes = hex:gsub("%x%x", function(digits) return string.char(tonumber(digits, 16)) end)
  local pinfo = {
    number = number, visited = false, abs_ts = 1700000000 + us / 1000000, rel_ts = us / 1000000,
    src = source, dst = destination, src_port = tonumber(source_port), dst_port = tonumber(destination_port),
    in_error_pkt = false, cols = {},
  }
  local taken = registered.dissector(new_tvb(bytes), pinfo, new_item())
  return taken > 0 and pinfo.cols.info or "-"
end

for index = 2, #arg do
  local name, value = arg[index]:match("^([%w_]+)=(.*)$")
  preferences[name] = value == "TRUE" or value ~= "FALSE" and value or false
end
dofile(arg[1])
registered.init()
local number = 0
for line in io.lines() do
  number = number + 1
  io.write(dissect(number, line), "\n")
  io.flush()
end
