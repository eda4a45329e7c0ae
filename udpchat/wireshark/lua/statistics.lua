-- Numbers per transfer and connection: `tshark -q -z udpchat,stat`, and Tools > udpchat in Wireshark.

local statistics = {}
U.statistics = statistics

local COLUMNS = {
  { "bytes", 12 }, { "packets", 8 }, { "again", 6 }, { "lost", 6 }, { "doubled", 7 }, { "needless", 8 }, { "overtaken", 9 },
  { "seconds", 9 }, { "Mbit/s", 9 }, { "RTT min", 8 }, { "median", 8 }, { "max [ms]", 8 }, { "in flight", 10 },
}
local NAME_WIDTH = 36

local KINDS = { DATA = "transfer", MSG = "channel" }

local function median(sorted)
  local half = math.floor(#sorted / 2)
  if #sorted % 2 == 1 then return sorted[half + 1] end
  return (sorted[half] + sorted[half + 1]) / 2
end

local function milliseconds(value)
  return value and string.format("%.3f", value / 1000) or "-"
end

local function line(name, cells)
  local parts = { name .. (" "):rep(NAME_WIDTH - #name) }
  for index, column in ipairs(COLUMNS) do
    parts[#parts + 1] = ("%" .. column[2] .. "s"):format(cells[index])
  end
  return table.concat(parts, " ")
end

local function counters_line(name, counters)
  local rtts = {}
  for index, rtt in ipairs(counters.rtts) do rtts[index] = rtt end
  table.sort(rtts)
  local seconds = ((counters.last or 0) - (counters.first or 0)) / 1000000
  return line(name, {
    U.number(counters.bytes), U.number(counters.packets), U.number(counters.retransmitted), U.number(counters.lost),
    U.number(counters.duplicates), U.number(counters.spurious), U.number(counters.out_of_order),
    string.format("%.3f", seconds), seconds > 0 and string.format("%.3f", counters.bytes * 8 / seconds / 1000000) or "-",
    milliseconds(rtts[1]), milliseconds(rtts[1] and median(rtts)), milliseconds(rtts[#rtts]),
    U.number(counters.max_flight),
  })
end

local function add_flow(lines, flow, arrow)
  if flow.totals.packets == 0 then return end
  for _, stream in ipairs(flow.stream_list) do
    local name = ("  %s %s %s"):format(arrow, KINDS[stream.kind], U.number(stream.id))
    lines[#lines + 1] = counters_line(name, stream.counters)
  end
  lines[#lines + 1] = counters_line(("  %s all packets"):format(arrow), flow.totals)
end

local function connection_name(connection)
  local client, server = connection.client.address or "?", connection.server.address or "?"
  local interface = connection.interface and ", interface " .. connection.interface or ""
  return ("connection %s, %s to %s%s"):format(connection.id, client, server, interface)
end

-- The table, as text.
function statistics.summary()
  local titles = {}
  for index, column in ipairs(COLUMNS) do titles[index] = column[1] end
  local lines = { line("udpchat", titles) }
  for _, connection in ipairs(U.analysis.list) do
    lines[#lines + 1] = connection_name(connection)
    add_flow(lines, connection.client, "->")
    add_flow(lines, connection.server, "<-")
  end
  lines[#lines + 1] = lines[2] and "RTT: from a packet to its ACK where they were captured; a round trip only at the sender"
    or "no packets of a connection"
  return table.concat(lines, "\n")
end

register_stat_cmd_arg("udpchat,stat", function()
  local tap = Listener.new("frame", "udpchat")
  function tap.packet() end
  function tap.reset() end
  function tap.draw() print(statistics.summary()) end
end)

if gui_enabled() then
  register_menu("udpchat/Transfer summary", function()
    local window = TextWindow.new("udpchat: transfers of this capture")
    window:set(statistics.summary())
  end, MENU_TOOLS_UNSORTED)
end
