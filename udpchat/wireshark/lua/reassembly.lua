-- Files put together from the chunks of their transfer, plain or decrypted: a tab "Complete file" with the packet that
-- completes one. Off by default: all bytes of the capture's files are kept in memory, up to 16 MiB of each.

local intervals = U.intervals
local MAX_FILE = 16777216  -- bytes
local PREFIX = "udpchat.file"

local reassembly = {}
U.reassembly = reassembly

U.proto.prefs.reassemble = Pref.bool("Put files together", false,
  "Files up to 16 MiB whose bytes are readable and all in the capture, in a tab of the packet that completes them")

local fields = {
  tree = U.field(PREFIX, "none", "File"),
  name = U.field(PREFIX .. ".name", "string", "Name", { description = "as announced by OPEN or OFFER" }),
  size = U.field(PREFIX .. ".size", "uint64", "Size", { unit = "bytes" }),
  md5 = U.field(PREFIX .. ".md5", "string", "MD5", { description = "as announced by COMMIT or OFFER, of a folder that of its members' MD5s; not verified here" }),
  complete_in = U.field(PREFIX .. ".complete_in", "framenum", "Complete in",
    { description = "the packet that brought the last bytes; on the others shown from the second pass on" }),
  content = U.field(PREFIX .. ".content", "bytes", "Content"),
}

-- files: what was announced, by transfer. waiting: the same by OPEN, before its transfer is known. parts: bytes by
-- transfer and place of capture. members, completed: what is shown with a packet.
local files, waiting, parts, members, completed = {}, {}, {}, {}, {}

U.on_reset(function()
  files, waiting, parts, members, completed = {}, {}, {}, {}, {}
end)

local function transfer_key(packet, from_server, transfer_id)
  return packet.connection .. (from_server and " server " or " client ") .. U.number(transfer_id)
end

-- ---- what is announced ---------------------------------------------------------------------------------------------

local ANNOUNCE = {}

function ANNOUNCE.OPEN(packet, record)
  local fields_of = record.fields
  local file = { name = fields_of.file_name, size = fields_of.size }
  waiting[packet.connection .. U.number(record.request_id)] = file
  waiting[packet.connection .. fields_of.upload_id] = file
end

function ANNOUNCE.OPENED(packet, record)
  local file = waiting[packet.connection .. U.number(record.request_id)]
  if file then files[transfer_key(packet, false, record.fields.transfer_id)] = file end
end

function ANNOUNCE.COMMIT(packet, record)
  local file = waiting[packet.connection .. record.fields.upload_id]
  if file then file.md5 = record.fields.md5 end
end

function ANNOUNCE.OFFER(packet, record)
  local offered = record.fields
  files[transfer_key(packet, true, offered.transfer_id)] =
    { name = offered.file_name, size = offered.size, md5 = offered.md5 }
end

local NEEDED = { OPEN = { "upload_id", "size", "file_name" }, OPENED = { "transfer_id" }, COMMIT = { "upload_id", "md5" },
  OFFER = { "transfer_id", "size", "md5", "file_name" } }

local function take_record(packet, record)
  local needed = NEEDED[record.name]
  if not needed then return end
  for _, name in ipairs(needed) do
    if record.fields[name] == nil then return end
  end
  ANNOUNCE[record.name](packet, record)
end

-- ---- the bytes -----------------------------------------------------------------------------------------------------

local function part_of(packet)
  local transfer = transfer_key(packet, packet.from_server, packet.body.transfer_id)
  local key = transfer .. " " .. packet.place
  local part = parts[key]
  if not part then
    part = { transfer = transfer, runs = intervals.new(), chunks = {}, total = 0 }
    parts[key] = part
  end
  return part
end

-- Keep the bytes that are new; of two versions of a byte the first counts.
local function keep(part, offset, bytes)
  local fresh = intervals.add(part.runs, offset, offset + #bytes)
  for place = 1, fresh and #fresh or 0, 2 do
    local start, stop = fresh[place], fresh[place + 1]
    part.chunks[#part.chunks + 1] = { at = start, bytes = bytes:sub(start - offset + 1, stop - offset) }
    part.total = part.total + stop - start
  end
  if part.total > MAX_FILE then part.chunks, part.runs, part.too_large = nil, nil, true end
end

local function join(part)
  table.sort(part.chunks, function(one, other) return one.at < other.at end)
  local list = {}
  for index, chunk in ipairs(part.chunks) do list[index] = chunk.bytes end
  part.content, part.chunks, part.runs = table.concat(list), nil, nil
end

local function complete(part, packet)
  local file = files[part.transfer]
  if not file or part.too_large or part.total ~= file.size or part.runs.stops[1] ~= file.size then return end
  join(part)
  part.frame, part.file = packet.frame, file
  completed[packet.id] = part
end

local function take_chunk(packet)
  local part = part_of(packet)
  members[packet.id] = part
  if part.content or part.too_large then return end
  keep(part, packet.body.offset, packet.chunk:raw())
  if not part.too_large then complete(part, packet) end
end

-- ---- what is shown -------------------------------------------------------------------------------------------------

local function show_file(part, tree)
  local file = part.file
  tree:add(fields.name, file.name):set_generated()
  tree:add(fields.size, UInt64(file.size)):set_generated()
  local content = ByteArray.new(part.content, true):tvb("Complete file")
  if file.md5 then tree:add(fields.md5, U.hex(file.md5)):set_generated() end
  tree:add(fields.content, content()):set_generated()
end

-- Called by the analysis for each packet on every pass.
function reassembly.on_packet(packet, tree)
  if not U.proto.prefs.reassemble then return end
  if not packet.visited and not packet.damaged then
    for _, record in ipairs(packet.records) do take_record(packet, record) end
    if packet.chunk and not members[packet.id] then take_chunk(packet) end
  end
  local part = members[packet.id]
  if not part or not part.content then return end
  local sub = tree:add(fields.tree):set_generated()
  sub:add(fields.complete_in, part.frame):set_generated()
  if completed[packet.id] then show_file(part, sub) end
end
