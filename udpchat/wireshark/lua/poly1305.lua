-- Poly1305 (RFC 8439 section 2.5) in doubles, and with it the tag of a sealed packet.
-- Numbers are six limbs of 22 bits: a sum of six products, one side times 20, stays below 2^53.
-- 2^132 = 4 * 2^130, and 2^130 = 5 modulo 2^130 - 5: what carries out of the sixth limb comes back times 20.

local LIMB, LIMBS, WRAP = 4194304, 6, 20
local byte, floor = string.byte, math.floor

-- The limbs of 17 bytes, little endian.
local function limbs_of(text)
  local limbs, have, bits = {}, 0, 0
  for at = 1, 17 do
    have = have + (byte(text, at) or 0) * 2 ^ bits
    bits = bits + 8
    if bits >= 22 then
      limbs[#limbs + 1] = have % LIMB
      have, bits = floor(have / LIMB), bits - 22
    end
  end
  limbs[LIMBS] = (limbs[LIMBS] or 0) + (#limbs < LIMBS and have or 0)
  return limbs
end

local function carry(limbs)
  local over = 0
  for index = 1, LIMBS do
    local value = limbs[index] + over
    over = floor(value / LIMB)
    limbs[index] = value - over * LIMB
  end
  limbs[1] = limbs[1] + over * WRAP
end

local function multiplied(h, r)
  local product = {}
  for index = 1, LIMBS do
    local sum, wrapped = 0, 0
    for i = 1, index do sum = sum + h[i] * r[index + 1 - i] end
    for i = index + 1, LIMBS do wrapped = wrapped + h[i] * r[index + 1 + LIMBS - i] end
    product[index] = sum + wrapped * WRAP
  end
  carry(product)
  carry(product)
  return product
end

-- Below 2^130 - 5, in limbs that are normal.
local function reduced(h)
  carry(h)
  carry(h)
  local top = floor(h[LIMBS] / 1048576) -- bits from 130 on
  h[LIMBS] = h[LIMBS] % 1048576
  h[1] = h[1] + 5 * top
  carry(h)
  local plus, over = {}, 5
  for index = 1, LIMBS do
    local value = h[index] + over
    over = floor(value / LIMB)
    plus[index] = value - over * LIMB
  end
  if plus[LIMBS] >= 1048576 then
    plus[LIMBS] = plus[LIMBS] - 1048576
    return plus
  end
  return h
end

-- Sixteen bytes of limbs + limbs, modulo 2^128.
local function sum_bytes(h, s)
  local out, have, bits, over = {}, 0, 0, 0
  for index = 1, LIMBS do
    local value = h[index] + s[index] + over
    over = floor(value / LIMB)
    have = have + (value - over * LIMB) * 2 ^ bits
    bits = bits + 22
    while bits >= 8 and #out < 16 do
      out[#out + 1] = string.char(floor(have % 256))
      have, bits = floor(have / 256), bits - 8
    end
  end
  return table.concat(out)
end

-- The limbs of r with the bits clear that section 2.5 wants clear.
local function clamped(text)
  local out = { byte(text, 1, 16) }
  for _, at in ipairs({ 4, 8, 12, 16 }) do out[at] = out[at] % 16 end
  for _, at in ipairs({ 5, 9, 13 }) do out[at] = out[at] - out[at] % 4 end
  return limbs_of(string.char(table.unpack(out)))
end

function U.poly1305(key, text)
  local r, h = clamped(key), { 0, 0, 0, 0, 0, 0 }
  for at = 1, #text, 16 do
    local chunk = limbs_of(text:sub(at, at + 15) .. "\1")
    for index = 1, LIMBS do h[index] = h[index] + chunk[index] end
    h = multiplied(h, r)
  end
  return sum_bytes(reduced(h), limbs_of(key:sub(17, 32)))
end

local function padded(text)
  return text .. ("\0"):rep(-#text % 16)
end

local function length(text)
  local out, left = {}, #text
  for index = 1, 8 do
    out[index] = string.char(left % 256)
    left = floor(left / 256)
  end
  return table.concat(out)
end

-- The tag of AEAD_CHACHA20_POLY1305 (section 2.8) over associated data and ciphertext.
function U.seal_tag(key, nonce, associated, ciphertext)
  local once = U.chacha20(key, nonce, 0, ("\0"):rep(32))
  return U.poly1305(once, padded(associated) .. padded(ciphertext) .. length(associated) .. length(ciphertext))
end
