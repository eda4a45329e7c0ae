-- What all parts share: the protocol, and the fields and expert items that they declare while they are loaded.

U.proto = Proto("udpchat", "udpchat: chat and files over UDP")
U.fields = {}   -- filter name -> ProtoField
U.experts = {}  -- filter name -> ProtoExpert
U.resets = {}   -- called, in order, before a capture is read (again)

local WITHOUT_BASE = { none = true, bytes = true, string = true, framenum = true, bool = true, double = true,
  absolute_time = true, relative_time = true }

local UNITS = { bytes = { " byte", " bytes" }, packets = { " packet", " packets" } }

local function make(abbreviation, kind, title, options)
  local description = options.description
  if kind == "none" then return ProtoField.none(abbreviation, title, description) end
  if kind == "bytes" then return ProtoField.bytes(abbreviation, title, base.NONE, description) end
  if kind == "string" then return ProtoField.string(abbreviation, title, base.NONE, description) end
  if kind == "framenum" then
    return ProtoField.framenum(abbreviation, title, base.NONE, options.frametype or frametype.NONE, nil, description)
  end
  if kind == "bool" then
    return ProtoField.bool(abbreviation, title, options.width or base.NONE, options.names, options.mask, description)
  end
  if kind == "relative_time" then return ProtoField.relative_time(abbreviation, title, description) end
  if kind == "absolute_time" then
    return ProtoField.absolute_time(abbreviation, title, base.UTC, description)
  end
  if kind == "double" then return ProtoField.double(abbreviation, title, description) end
  local shown = base[options.base or "DEC"]
  if options.names then return ProtoField[kind](abbreviation, title, shown, options.names, options.mask, description) end
  if options.unit then
    return ProtoField[kind](abbreviation, title, shown + base.UNIT_STRING, UNITS[options.unit] or { " " .. options.unit }, nil, description)
  end
  return ProtoField[kind](abbreviation, title, shown, nil, options.mask, description)
end

-- Declare a field by its whole filter name; returns the ProtoField. kind: a function of ProtoField.
-- options: unit, description, names (value -> name), base ("DEC", "HEX"), mask, width (of flags), frametype.
function U.field(abbreviation, kind, title, options)
  options = options or {}
  assert(not U.fields[abbreviation], abbreviation)
  assert(not (options.base and WITHOUT_BASE[kind]), abbreviation)
  local field = make(abbreviation, kind, title, options)
  U.fields[abbreviation] = field
  return field
end

-- Declare an expert item by its whole filter name. group, severity: names of expert.group and expert.severity.
function U.expert(abbreviation, text, group, severity)
  assert(not U.experts[abbreviation] and expert.group[group] and expert.severity[severity], abbreviation)
  local item = ProtoExpert.new(abbreviation, text, expert.group[group], expert.severity[severity])
  U.experts[abbreviation] = item
  return item
end

-- Call `reset` before a capture is read, and before it is read again.
function U.on_reset(reset)
  U.resets[#U.resets + 1] = reset
end
