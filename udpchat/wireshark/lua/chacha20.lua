-- ChaCha20 (RFC 8439 section 2.4) in Lua alone: Wireshark lends Lua no cipher.
-- The block function is written out as text, once with bit32 and once with operators, and loaded at the start.

local QUARTERS = {
  { 0, 4, 8, 12 }, { 1, 5, 9, 13 }, { 2, 6, 10, 14 }, { 3, 7, 11, 15 },
  { 0, 5, 10, 15 }, { 1, 6, 11, 12 }, { 2, 7, 8, 13 }, { 3, 4, 9, 14 },
}
-- One quarter round (section 2.1): x += y, then z = (z ^ x) <<< n, four times.
local STEPS = { { "a", "b", "d", 16 }, { "c", "d", "b", 12 }, { "a", "b", "d", 8 }, { "c", "d", "b", 7 } }

local WITH_BIT32 = {
  head = "local xor, rotate = bit32.bxor, bit32.lrotate",
  step = "$x = ($x + $y) % 4294967296  $z = rotate(xor($z, $x), $left)",
  sum = "($x + $y) % 4294967296",
  xor = "xor($x, $y)",
}
local WITH_OPERATORS = {
  head = "",
  step = "$x = ($x + $y) & 0xFFFFFFFF  $z = $z ~ $x  $z = ($z << $left | $z >> $right) & 0xFFFFFFFF",
  sum = "($x + $y) & 0xFFFFFFFF",
  xor = "$x ~ $y",
}

local function filled(template, names)
  return (template:gsub("%$(%a+)", names))
end

local function quarter(words, how)
  local name = { a = "x" .. words[1], b = "x" .. words[2], c = "x" .. words[3], d = "x" .. words[4] }
  local lines = {}
  for index, step in ipairs(STEPS) do
    local x, y, z, bits = name[step[1]], name[step[2]], name[step[3]], step[4]
    lines[index] = filled(how.step, { x = x, y = y, z = z, left = bits, right = 32 - bits })
  end
  return table.concat(lines, "\n")
end

-- Source of function(s0 .. s15) -> the sixteen words of a key stream block.
local function block_source(how)
  local start, words, sums, rounds = {}, {}, {}, {}
  for word = 0, 15 do
    start[#start + 1] = "s" .. word
    words[#words + 1] = "x" .. word
    sums[#sums + 1] = filled(how.sum, { x = "x" .. word, y = "s" .. word })
  end
  for index, four in ipairs(QUARTERS) do rounds[index] = quarter(four, how) end
  return table.concat({
    how.head,
    "local function block(" .. table.concat(start, ", ") .. ")",
    "local " .. table.concat(words, ", ") .. " = " .. table.concat(start, ", "),
    "for _ = 1, 10 do",
    table.concat(rounds, "\n"),
    "end",
    "return " .. table.concat(sums, ", "),
    "end",
    "local function xor_word(one, other) return " .. filled(how.xor, { x = "one", y = "other" }) .. " end",
    "return block, xor_word",
  }, "\n")
end

local block, xor_word = load(block_source(bit32 and WITH_BIT32 or WITH_OPERATORS), "chacha20")()
local byte, char, floor = string.byte, string.char, math.floor

local function word_at(text, at)
  local a, b, c, d = byte(text, at, at + 3)
  return a + b * 256 + c * 65536 + d * 16777216
end

local function words_of(text)
  local words = {}
  for at = 1, #text, 4 do words[#words + 1] = word_at(text, at) end
  return words
end

local function bytes_of(word)
  return char(word % 256, floor(word / 256) % 256, floor(word / 65536) % 256, floor(word / 16777216))
end

-- The bytes of `text` under the key stream of key (32 bytes), nonce (12 bytes) and counter of the first block.
function U.chacha20(key, nonce, counter, text)
  local k, n = words_of(key), words_of(nonce)
  local size, out = #text, {}
  local whole = text .. ("\0"):rep(-size % 64)
  for at = 1, size, 64 do
    local stream = { block(0x61707865, 0x3320646E, 0x79622D32, 0x6B206574, k[1], k[2], k[3], k[4], k[5], k[6], k[7],
      k[8], counter, n[1], n[2], n[3]) }
    for index = 1, 16 do
      out[#out + 1] = bytes_of(xor_word(stream[index], word_at(whole, at + 4 * index - 4)))
    end
    counter = counter + 1
  end
  return table.concat(out):sub(1, size)
end

-- Two strings of one length, XORed.
function U.xor(one, other)
  local out = {}
  for at = 1, #one do out[at] = char(xor_word(byte(one, at), byte(other, at))) end
  return table.concat(out)
end
