-- Records in one line, for the packet list and the tree.

local schema = U.schema
local SUMMARIES = {}

local function quoted(text)
  return '"' .. U.one_line(text, 80) .. '"'
end

local function who(text)
  return U.one_line(text, 40)
end

local function transfer(fields)
  return "transfer " .. U.number(fields.transfer_id)
end

local function named(fields)
  return quoted(fields.file_name) .. ", " .. U.size_text(fields.size)
end

-- The name of a number, in small letters when it is a word of ours.
local function name_of(record, fields, key)
  local name = U.row(record.fields, key).names[fields[key]] or key .. " " .. U.number(fields[key])
  return (name:lower():gsub("_", " "))
end

local function is_set(record, fields, label)
  for _, flag in ipairs(U.row(record.fields, "flags").names) do
    if flag[2] == label then return fields.flags % (2 * flag[1]) >= flag[1] end
  end
end

-- The text after `before`, when there is one.
local function given(before, text)
  return text ~= "" and before .. U.one_line(text, 80) or ""
end

local function in_room(room)
  return room ~= "" and room ~= schema.lobby and " in " .. who(room) or ""
end

local function reason(record, fields)
  local row = U.row(record.fields, "code")
  return (row.names[fields.code] or "code " .. U.number(fields.code)) .. given(": ", fields.text)
end

local function upto(f) return "up to " .. U.number(f.sequence) end

-- -- people

function SUMMARIES.JOIN(f, record)
  return who(f.nick) .. (is_set(record, f, "VISITOR") and ", for one command" or "")
    .. (is_set(record, f, "WAIT") and ", will wait" or "") .. (f.seen > 0 and ", has seen " .. U.number(f.seen) or "")
    .. (f.ticket ~= "" and ", with a ticket" or "")
end
function SUMMARIES.WELCOME(f) return who(f.nick) .. " to " .. who(f.room) .. ", " .. U.number(f.user_count) .. " present" end
function SUMMARIES.REFUSED(f, record) return reason(record, f) end
function SUMMARIES.UNSUPPORTED(f)
  local name = U.row(schema.record_header, "record_type").names[f.record_type]
  return name or "type " .. U.number(f.record_type)
end
function SUMMARIES.PRESENCE(f, record)
  local text = is_set(record, f, "LOOKALIKE") and given(", looks like ", f.text) or given(": ", f.text)
  return who(f.nick) .. " " .. name_of(record, f, "change") .. given(" ", f.room) .. ", " .. U.number(f.user_count)
    .. " present" .. text
end
function SUMMARIES.USERS(f, record) return name_of(record, f, "scope") .. given(" in ", f.room) end
function SUMMARIES.USER(f, record)
  return who(f.nick) .. (is_set(record, f, "AWAY") and ", away" .. given(": ", f.away) or "")
end
function SUMMARIES.FINISHED(f) return U.number(f.total) .. " records" end
function SUMMARIES.NOTICE(f) return U.one_line(f.text) end
function SUMMARIES.QUEUED(f) return "place " .. U.number(f.position) .. ", there are " .. U.number(f.max_users) .. " seats" end
function SUMMARIES.REGISTER(f) return who(f.nick) end
function SUMMARIES.LOGIN(f) return who(f.nick) end
function SUMMARIES.ACCOUNT(f, record) return who(f.nick) .. " " .. name_of(record, f, "outcome") end
function SUMMARIES.AWAY(f) return f.text == "" and "back" or U.one_line(f.text) end
function SUMMARIES.ADMINISTER(f, record) return name_of(record, f, "action") .. given(" ", f.target) .. given(": ", f.text) end
function SUMMARIES.BAN(f) return who(f.target) .. given(" by ", f.by) .. given(": ", f.reason) end
function SUMMARIES.SLOWED(f) return "the next line in " .. U.duration_text(f.wait) end

-- -- what is said

function SUMMARIES.SAY(f) return "in " .. who(f.room) .. ": " .. U.one_line(f.text) end
function SUMMARIES.SAID(f, record)
  return "as line " .. U.number(f.sequence) .. (is_set(record, f, "WAITS") and ", waits for its recipient" or "")
end
function SUMMARIES.LINE(f) return who(f.sender) .. in_room(f.room) .. ": " .. U.one_line(f.text) end
function SUMMARIES.TELL(f) return "to " .. who(f.recipient) .. ": " .. U.one_line(f.text) end
function SUMMARIES.PRIVATE(f) return who(f.sender) .. " to " .. who(f.recipient) .. ": " .. U.one_line(f.text) end
function SUMMARIES.ROOM(f) return who(f.room) .. ", " .. U.number(f.user_count) .. " present" .. given(": ", f.topic) end
function SUMMARIES.CREATE_ROOM(f) return who(f.room) .. given(": ", f.topic) end
function SUMMARIES.ENTER_ROOM(f) return who(f.room) end
function SUMMARIES.LEAVE_ROOM(f) return who(f.room) end
function SUMMARIES.SET_TOPIC(f) return "of " .. who(f.room) .. ": " .. U.one_line(f.topic) end
function SUMMARIES.SEEN(f) return upto(f) end
function SUMMARIES.READ(f) return "of " .. who(f.nick) .. " " .. upto(f) end
function SUMMARIES.RECEIPT(f, record)
  return name_of(record, f, "state") .. given(" to all in ", f.room) .. given(" by ", f.nick) .. ", " .. upto(f)
end
function SUMMARIES.HISTORY(f)
  local asked = given(", in ", f.room) .. given(", with ", f.nick) .. given(", from ", f.sender) .. given(", to ", f.recipient)
  return U.number(f.limit) .. " at most" .. asked .. (f.words ~= "" and ", of " .. quoted(f.words) or "")
    .. (f.before > 0 and ", before " .. U.number(f.before) or "") .. (f.after > 0 and ", after " .. U.number(f.after) or "")
end

-- -- files

local WHOLE = 4294967295 -- in place of a member's number

-- What is sent, and how large it is: a file, or a folder and how many members it has.
local function content(record, f)
  if not is_set(record, f, "FOLDER") then return named(f) end
  return "folder " .. quoted(f.file_name) .. ", " .. U.number(f.members) .. " members, " .. U.size_text(f.size)
end

local function audience(f)
  return f.to ~= "" and " to " .. who(f.to) or in_room(f.room)
end

local function of_file(f) return "file " .. U.hex(f.file_id) end

local function total(ranges)
  local bytes = 0
  for _, range in ipairs(ranges) do bytes = bytes + range.stop - range.start end
  return bytes
end

-- What the receiver has already, when there is something.
local function known(record, f)
  local bytes = total(f.present)
  return (bytes > 0 and ", " .. U.size_text(bytes) .. " are there" or "")
    .. (is_set(record, f, "INDEXED") and ", the index is there" or "")
end

function SUMMARIES.OPEN(f, record) return content(record, f) .. audience(f) end
function SUMMARIES.OPENED(f, record) return transfer(f) .. ", room up to " .. U.number(f.limit) .. known(record, f) end
function SUMMARIES.CREDIT(f) return transfer(f) .. ", room up to " .. U.number(f.limit) end
function SUMMARIES.COMMIT(f) return "MD5 " .. U.hex(f.md5) end
function SUMMARIES.COMMITTED(f) return quoted(f.file_name) .. ", MD5 " .. U.hex(f.md5) end
function SUMMARIES.CANCEL(f, record) return transfer(f) .. ", " .. reason(record, f) end
function SUMMARIES.LIST_FILES(f) return f.room == "" and "of all rooms" or "of " .. who(f.room) end
function SUMMARIES.FILE(f, record)
  local state = name_of(record, f, "state")
  return content(record, f) .. ", of " .. who(f.owner) .. audience(f) .. (state ~= "stored" and ", " .. state or "")
end
function SUMMARIES.FETCH(f, record)
  return (f.file_name ~= "" and quoted(f.file_name) or of_file(f))
    .. (f.number ~= WHOLE and ", member " .. U.number(f.number) .. " alone" or "") .. known(record, f)
end
function SUMMARIES.OFFER(f, record) return transfer(f) .. ", " .. content(record, f) end
function SUMMARIES.RECEIVED(f) return transfer(f) .. ", MD5 " .. U.hex(f.md5) end
function SUMMARIES.SHARED(f, record) return content(record, f) .. ", of " .. who(f.owner) .. audience(f) end

function SUMMARIES.MEMBER(f, record)
  local what = is_set(record, f, "DIRECTORY") and "folder " .. quoted(f.path)
    or quoted(f.path) .. ", " .. U.size_text(f.size)
  return (f.transfer_id > 0 and transfer(f) .. ", " or "") .. "number " .. U.number(f.number) .. ": " .. what
    .. (is_set(record, f, "EXECUTABLE") and ", executable" or "")
end
function SUMMARIES.LIST_MEMBERS(f) return "of " .. of_file(f) end
function SUMMARIES.WANT_BLOCKS(f) return transfer(f) end
function SUMMARIES.BLOCKS(f)
  local count = math.floor(#f.hashes / schema.hash_size)
  return transfer(f) .. ", " .. U.number(count) .. " from block " .. U.number(f.first) .. " on"
end
function SUMMARIES.MISSING(f)
  local first = f.ranges[1]
  if not first then return transfer(f) .. ", nothing" end
  local more = #f.ranges > 1 and " and " .. U.number(#f.ranges - 1) .. " more ranges" or ""
  return transfer(f) .. ", " .. U.size_text(total(f.ranges)) .. ": " .. U.number(first.start) .. " to "
    .. U.number(first.stop - 1) .. more
end
function SUMMARIES.PACE(f, record)
  return transfer(f) .. ", " .. (f.rate > 0 and U.number(f.rate) .. " bytes/s at most" or "at any rate") .. ", "
    .. name_of(record, f, "priority") .. " priority"
end
function SUMMARIES.MARK(f, record) return of_file(f) .. " " .. name_of(record, f, "state") end
function SUMMARIES.STATE(f, record)
  return quoted(f.file_name) .. " " .. name_of(record, f, "state") .. " by " .. who(f.nick)
end
function SUMMARIES.LIST_STATES(f) return "of " .. of_file(f) end
function SUMMARIES.DELETE_FILE(f) return of_file(f) end

local function tuning(f)
  local window = f.window > 0 and ", window " .. U.number(f.window) or ""
  return U.one_line(f.arq, 40) .. window .. ", " .. U.one_line(f.congestion, 40)
end

function SUMMARIES.TUNE(f) return tuning(f) end
function SUMMARIES.TUNED(f) return tuning(f) end

-- -- nodes

-- Enough of an id to follow a query from link to link.
local function query(f) return U.hex(f.query_id:sub(1, 4)) end

function SUMMARIES.NEIGHBOUR(f) return who(f.node_name) .. ", port " .. U.number(f.port) end
function SUMMARIES.QUERY(f, record)
  return query(f) .. " " .. name_of(record, f, "kind") .. " " .. quoted(f.pattern) .. ", ttl " .. U.number(f.ttl)
    .. ", hops " .. U.number(f.hops)
end
function SUMMARIES.HIT(f, record)
  local where = f.host ~= "" and who(f.host) .. " port " .. U.number(f.port) or "port " .. U.number(f.port) .. " here"
  return query(f) .. " " .. content(record, f) .. ", at " .. where .. ", hops " .. U.number(f.hops)
end

local function is_whole(record, fields)
  for _, row in ipairs(record.fields) do
    if fields[row.name] == nil then return false end
  end
  return true
end

-- What U.dissect_record returns, as "LINE alice: hello".
function U.record_summary(read)
  local record = schema.records[read.type]
  if not record then return "type " .. U.number(read.type) .. ", not known here" end
  if not is_whole(record, read.fields) then return read.name .. ", broken" end
  local summary = SUMMARIES[read.name]
  return summary and read.name .. " " .. summary(read.fields, record) or read.name
end
