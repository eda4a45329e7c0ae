-- Numbers and bytes as people read them.

local floor = math.floor

-- A whole number without exponent and without ".0": Lua 5.2 has only doubles, 5.4 has both kinds.
function U.number(value)
  return string.format("%.0f", value)
end

-- 64 bits as a number, exact below 2^53, and an integer there where Lua knows such.
function U.read_u64(range)
  return floor(range:uint64():tonumber())
end

-- A size or window: whole KiB and MiB where that is exact, else bytes.
function U.size_text(bytes)
  if bytes >= 1048576 and bytes % 1048576 == 0 then return U.number(bytes / 1048576) .. " MiB" end
  if bytes >= 1024 and bytes % 1024 == 0 then return U.number(bytes / 1024) .. " KiB" end
  return U.number(bytes) .. (bytes == 1 and " byte" or " bytes")
end

function U.duration_text(microseconds)
  if microseconds < 1000 then return U.number(microseconds) .. " us" end
  if microseconds < 1000000 then return string.format("%.1f ms", microseconds / 1000) end
  return string.format("%.2f s", microseconds / 1000000)
end

-- Microseconds since 1970 as a date, or nil where that is no date of this age.
function U.date_text(microseconds)
  local seconds = floor(microseconds / 1000000)
  if seconds < 1 or seconds > 32503680000 then return nil end
  return os.date("!%Y-%m-%d %H:%M:%S", seconds) .. string.format(".%06.0f UTC", microseconds % 1000000)
end

-- Text from the wire for a line of the packet list: control characters shown, no longer than `limit` bytes.
function U.one_line(text, limit)
  limit = limit or 120
  if #text > limit then
    local cut = limit
    while cut > 1 and text:byte(cut + 1) >= 128 and text:byte(cut + 1) < 192 do cut = cut - 1 end
    text = text:sub(1, cut) .. "..."
  end
  return (text:gsub("%c", function(c) -- the pictures of U+2400 to U+2421
    return "\226\144" .. string.char(128 + math.min(c:byte(), 33))
  end))
end

function U.hex(bytes)
  return (bytes:gsub(".", function(c)
    return string.format("%02x", c:byte())
  end))
end

function U.unhex(text)
  return (text:gsub("%x%x", function(digits)
    return string.char(tonumber(digits, 16))
  end))
end

local function continues(text, first, last)
  for at = first, last do
    local byte = text:byte(at)
    if not byte or byte < 0x80 or byte > 0xBF then return false end
  end
  return true
end

-- How many bytes the character at `at` has; nil where there is none (RFC 3629: no overlong forms, no surrogates).
local function character_size(text, at)
  local first, second = text:byte(at, at + 1)
  second = second or 0
  if first < 0x80 then return 1 end
  if first >= 0xC2 and first <= 0xDF then return continues(text, at + 1, at + 1) and 2 or nil end
  if first >= 0xE0 and first <= 0xEF then
    if first == 0xE0 and second < 0xA0 or first == 0xED and second > 0x9F then return nil end
    return continues(text, at + 1, at + 2) and 3 or nil
  end
  if first >= 0xF0 and first <= 0xF4 then
    if first == 0xF0 and second < 0x90 or first == 0xF4 and second > 0x8F then return nil end
    return continues(text, at + 1, at + 3) and 4 or nil
  end
  return nil
end

function U.is_utf8(text)
  local at = text:find("[\128-\255]")
  while at do
    local size = character_size(text, at)
    if not size then return false end
    at = text:find("[\128-\255]", at + size)
  end
  return true
end
