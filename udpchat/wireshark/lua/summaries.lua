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

local function code_name(record, fields)
  local row = U.row(record.fields, "code")
  return row.names[fields.code] or "code " .. U.number(fields.code)
end

local function with_reason(record, fields)
  return code_name(record, fields) .. (fields.text ~= "" and ": " .. U.one_line(fields.text) or "")
end

function SUMMARIES.JOIN(f) return who(f.nick) end
function SUMMARIES.WELCOME(f) return who(f.nick) .. " to " .. who(f.room) .. ", " .. U.number(f.user_count) .. " present" end
function SUMMARIES.REFUSED(f, record) return with_reason(record, f) end
function SUMMARIES.UNSUPPORTED(f)
  local name = U.row(schema.record_header, "record_type").names[f.record_type]
  return name or "type " .. U.number(f.record_type)
end
function SUMMARIES.SAY(f) return "in " .. who(f.room) .. ": " .. U.one_line(f.text) end
function SUMMARIES.SAID(f) return "as line " .. U.number(f.sequence) end
function SUMMARIES.LINE(f) return who(f.sender) .. ": " .. U.one_line(f.text) end
function SUMMARIES.TELL(f) return "to " .. who(f.recipient) .. ": " .. U.one_line(f.text) end
function SUMMARIES.PRIVATE(f) return who(f.sender) .. " to " .. who(f.recipient) .. ": " .. U.one_line(f.text) end
function SUMMARIES.PRESENCE(f, record)
  local change = U.row(record.fields, "change").names[f.change] or "change " .. U.number(f.change)
  return who(f.nick) .. " " .. change:lower() .. ", " .. U.number(f.user_count) .. " present"
end
function SUMMARIES.USER(f) return who(f.nick) end
function SUMMARIES.FINISHED(f) return U.number(f.total) .. " records" end
function SUMMARIES.NOTICE(f) return U.one_line(f.text) end
function SUMMARIES.OPEN(f) return named(f) end
function SUMMARIES.OPENED(f) return transfer(f) .. ", room up to " .. U.number(f.limit) end
function SUMMARIES.CREDIT(f) return transfer(f) .. ", room up to " .. U.number(f.limit) end
function SUMMARIES.COMMIT(f) return "MD5 " .. U.hex(f.md5) end
function SUMMARIES.COMMITTED(f) return quoted(f.file_name) .. ", MD5 " .. U.hex(f.md5) end
function SUMMARIES.CANCEL(f, record) return transfer(f) .. ", " .. with_reason(record, f) end
function SUMMARIES.FILE(f) return named(f) .. ", of " .. who(f.owner) end
function SUMMARIES.FETCH(f) return f.file_name ~= "" and quoted(f.file_name) or "file " .. U.hex(f.file_id) end
function SUMMARIES.OFFER(f) return transfer(f) .. ", " .. named(f) end
function SUMMARIES.RECEIVED(f) return transfer(f) .. ", MD5 " .. U.hex(f.md5) end
function SUMMARIES.SHARED(f) return named(f) .. ", of " .. who(f.owner) end

local function tuning(f)
  local window = f.window > 0 and ", window " .. U.number(f.window) or ""
  return U.one_line(f.arq, 40) .. window .. ", " .. U.one_line(f.congestion, 40)
end

function SUMMARIES.TUNE(f) return tuning(f) end
function SUMMARIES.TUNED(f) return tuning(f) end

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
