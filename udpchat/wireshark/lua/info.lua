-- The line of a packet in the packet list.

local INFOS = {}

local function with_number(packet)
  return packet.type .. "  #" .. U.number(packet.number)
end

function INFOS.HELLO(packet)
  local cookie = packet.body.cookie
  if not cookie or cookie == "" then return "HELLO" end
  return #cookie > 20 and "HELLO with address token" or "HELLO with cookie"
end

function INFOS.COOKIE() return "COOKIE, to be sent back in HELLO" end
function INFOS.REPLY(packet) return packet.sealed and "REPLY, sealed" or "REPLY, plaintext" end
function INFOS.VERSION(packet)
  local body = packet.body
  return "VERSION, speaks " .. U.number(body.lowest) .. " to " .. U.number(body.highest)
end
function INFOS.RESET() return "RESET, the server does not know this connection" end

function INFOS.DATA(packet)
  local body = packet.body
  return with_number(packet) .. " transfer " .. U.number(body.transfer_id) .. ", " .. U.number(packet.chunk_length)
    .. " bytes at " .. U.number(body.offset)
end

function INFOS.MSG(packet)
  local line = with_number(packet) .. " channel " .. U.number(packet.body.channel)
  local summaries = {}
  for index, record in ipairs(packet.records) do
    if index <= 4 then summaries[index] = U.record_summary(record) end
  end
  if #packet.records > 4 then summaries[5] = U.number(#packet.records - 4) .. " more records" end
  if summaries[1] then return line .. ": " .. table.concat(summaries, " | ") end
  line = line .. ", " .. U.number(packet.content_length) .. " bytes at " .. U.number(packet.body.offset)
  return packet.repeats and line .. ", again" or line
end

function INFOS.ACK(packet)
  local body = packet.body
  local gaps = #body.ranges - 1
  local gap_text = gaps > 0 and (" (+%d %s)"):format(gaps, gaps == 1 and "gap" or "gaps") or ""
  return with_number(packet) .. " of " .. U.number(body.largest) .. gap_text .. ", "
    .. U.duration_text(body.ack_delay) .. " late, window " .. U.size_text(body.window)
end

function INFOS.PROBE(packet)
  return with_number(packet) .. " of a datagram of " .. U.number(packet.size) .. " bytes"
end

function INFOS.CLOSE(packet)
  local code, reason = packet.body.code, packet.body.reason
  if not code then return with_number(packet) end
  local name = U.row(packet.schema.sealed, "code").names[code] or "code " .. U.number(code)
  return with_number(packet) .. " " .. name .. (reason and reason ~= "" and ": " .. U.one_line(reason) or "")
end

-- The text of the info column: direction, what analysis says, what the packet is.
function U.info(packet)
  local line
  if not packet.type then
    line = packet.note
  elseif packet.whole then
    local info = INFOS[packet.type] or with_number
    line = info(packet)
  else
    line = packet.type .. ", " .. packet.note
  end
  if packet.prefix then line = packet.prefix .. " " .. line end
  if packet.from_server == nil then return line end
  return (packet.from_server and "\226\134\144 " or "\226\134\146 ") .. line
end
