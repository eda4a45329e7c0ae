-- CRC-32 as zlib and Ethernet have it. Lua 5.2 has bit32; the operators of 5.3 and newer it cannot parse.

local update
if bit32 then
  local bxor, rshift, byte = bit32.bxor, bit32.rshift, string.byte
  local one, two, three, four = {}, {}, {}, {}  -- what a byte does to the checksum that many bytes later
  for value = 0, 255 do
    local crc = value
    for _ = 1, 8 do
      crc = crc % 2 == 1 and bxor(0xEDB88320, rshift(crc, 1)) or rshift(crc, 1)
    end
    one[value] = crc
  end
  for value = 0, 255 do
    two[value] = bxor(one[one[value] % 256], rshift(one[value], 8))
    three[value] = bxor(one[two[value] % 256], rshift(two[value], 8))
    four[value] = bxor(one[three[value] % 256], rshift(three[value], 8))
  end
  -- Four bytes at a time, in arithmetic: here each operation on bits is a call.
  update = function(crc, text)
    local whole = #text - #text % 4
    for at = 1, whole, 4 do
      local a, b, c, d = byte(text, at, at + 3)
      local word = bxor(crc, a + b * 256 + c * 65536 + d * 16777216)
      a = word % 256
      word = (word - a) / 256
      b = word % 256
      word = (word - b) / 256
      c = word % 256
      crc = bxor(four[a], three[b], two[c], one[(word - c) / 256])
    end
    for at = whole + 1, #text do
      crc = bxor(one[bxor(crc % 256, byte(text, at))], rshift(crc, 8))
    end
    return crc
  end
else
  update = load([[
    local byte, steps = string.byte, {}
    for value = 0, 255 do
      local crc = value
      for _ = 1, 8 do
        crc = crc & 1 == 1 and 0xEDB88320 ~ (crc >> 1) or crc >> 1
      end
      steps[value] = crc
    end
    return function(crc, text)
      for at = 1, #text do
        crc = steps[(crc ~ byte(text, at)) & 0xFF] ~ (crc >> 8)
      end
      return crc
    end
  ]], "checksum")()
end

function U.crc32(text)
  return 0xFFFFFFFF - update(0xFFFFFFFF, text)
end
