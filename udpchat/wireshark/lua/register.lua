-- Everything is declared: make it known to Wireshark.

local udp_ports = DissectorTable.get("udp.port")
local bound

U.proto.prefs.ports = Pref.range("UDP ports", tostring(U.schema.port), "Ports of udpchat servers", 65535)

local function bind_ports()
  if bound == U.proto.prefs.ports then return end
  if bound then udp_ports:remove(bound, U.proto) end
  bound = U.proto.prefs.ports
  udp_ports:add(bound, U.proto)
end

function U.proto.prefs_changed()
  bind_ports()
end

function U.proto.init()
  for _, reset in ipairs(U.resets) do reset() end
end

function U.proto.dissector(tvb, pinfo, root)
  local magic, rest = U.signs(tvb)
  if not (magic or rest) then return 0 end
  return U.dissect(tvb, pinfo, root)
end

local function listed(declared)
  local list = {}
  for _, each in pairs(declared) do list[#list + 1] = each end
  return list
end

U.proto.fields = listed(U.fields)
U.proto.experts = listed(U.experts)
bind_ports()
udp_ports:add_for_decode_as(U.proto)

U.proto:register_heuristic("udp", function(tvb, pinfo, root)
  local magic, rest = U.signs(tvb)
  if not (magic and rest) then return false end
  U.dissect(tvb, pinfo, root)
  pinfo.conversation = U.proto
  return true
end)

set_plugin_info({ version = U.version, author = "The udpchat authors", description = "udpchat: chat and files over UDP",
  repository = "" })
