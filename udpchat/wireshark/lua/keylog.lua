-- The key log: lines `UDPCHAT_KEY <connection id> <client|server> <epoch> <key> <iv>`, all others are skipped.
-- During a live capture it grows: when a key is missing, what was added since is read.

U.proto.prefs.keylog = Pref.string("Key log file", "",
  "Written by --keylog. With it sealed packets are opened; their tags are checked only together with checksums.")

local LINE = "^%s*UDPCHAT_KEY (%x+) (%a+) (%d+) (%x+) (%x+)%s*$"
local LONGEST = 200 -- characters of a line; an honest one has at most 138
local keys, source, offset, readable = {}, nil, 0, false
local missed = {} -- how often there was no key for a direction of a connection

local function take(line)
  local connection, direction, epoch, key, iv = line:match(LINE)
  if not connection or #connection ~= 16 or #key ~= 64 or #iv ~= 24 or #epoch > 10 then return end
  if direction ~= "client" and direction ~= "server" then return end
  local name = connection:lower() .. " " .. direction
  keys[name] = keys[name] or {}
  keys[name][tonumber(epoch)] = { key = U.unhex(key), iv = U.unhex(iv) }
end

-- Read from `offset` on; a last line without an end may not be whole yet, and is read again the next time.
local function read_on()
  local file = source ~= "" and io.open(source, "rb") or nil
  readable = file ~= nil
  if not file then return end
  file:seek("set", offset)
  local line = file:read("*L") -- nil also when this is a folder
  while line do
    if #line <= LONGEST then take(line) end
    if line:sub(-1) == "\n" then offset = offset + #line end
    line = file:read("*L")
  end
  file:close()
end

local function start_over()
  keys, missed, offset, source = {}, {}, 0, U.proto.prefs.keylog
  read_on()
end

-- The keys of what one side of a connection sends: epoch -> { key, iv }; nil where the log has none.
function U.keys_of(connection, from_server)
  if source ~= U.proto.prefs.keylog then start_over() end
  return keys[connection .. (from_server and " server" or " client")]
end

-- There was no key for this direction of a connection. Looks for new ones the first time, the second, the fourth, the
-- eighth and so on; returns whether it did.
function U.miss_key(connection, from_server)
  if source == "" then return false end
  local name = connection .. (from_server and " server" or " client")
  local count = (missed[name] or 0) + 1
  missed[name] = count
  while count % 2 == 0 do count = count / 2 end
  if count > 1 then return false end
  read_on()
  return true
end

-- Why there may be no key at all, for people; nil when the file was read.
function U.keylog_trouble()
  return not readable and "the key log file cannot be opened: " .. tostring(source) or nil
end

U.on_reset(function()
  source = nil
end)
