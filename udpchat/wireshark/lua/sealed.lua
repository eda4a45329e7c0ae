-- Opening sealed packets with the key log (docs/protocol.md section 5).
-- A packet says the parity of its key epoch. The epoch is found as a receiver finds it, and the first packet of each
-- is opened only when its tag fits: a damaged phase bit must not mislead all that follows. Epochs only move forward.

local TRAILER_SIZE = U.schema.trailer_size
local NUMBER_AT = 16 -- of the packet number in the header

U.field("udpchat.key_epoch", "uint32", "Key epoch", { description = "which key of the key log opened this packet" })
U.field("udpchat.tag.status", "uint8", "Tag status", { names = { [0] = "Bad", [1] = "Good", [2] = "Unverified" } })
U.expert("udpchat.no_key", "The key log has no key for this packet", "DECRYPTION", "NOTE")
U.expert("udpchat.tag.bad", "The tag does not fit: the receiver drops the packet", "CHECKSUM", "ERROR")

local flows, chosen = {}, {}

U.on_reset(function()
  flows, chosen = {}, {}
end)

local function nonce_of(key, tvb, start)
  return key.iv:sub(1, 4) .. U.xor(key.iv:sub(5), tvb(start + NUMBER_AT, 8):raw())
end

-- Whether the tag fits; nil where it was not captured.
local function tag_fits(key, tvb, part)
  if not part.trailer then return nil end
  local size = part.stop - part.at
  local ciphertext = size > 0 and tvb(part.at, size):raw() or ""
  local tag = U.seal_tag(key.key, nonce_of(key, tvb, part.start), tvb(part.start, part.at - part.start):raw(), ciphertext)
  return tag == tvb(part.trailer, TRAILER_SIZE):raw()
end

local function epochs_of(keys)
  local epochs = {}
  for epoch in pairs(keys) do epochs[#epochs + 1] = epoch end
  table.sort(epochs)
  return epochs
end

-- The oldest epoch above `least` with that parity whose tag fits.
local function find_epoch(keys, least, parity, tvb, part)
  for _, epoch in ipairs(epochs_of(keys)) do
    if epoch > least and epoch % 2 == parity and tag_fits(keys[epoch], tvb, part) then return epoch end
  end
end

local function choose(packet, tvb, part)
  local keys, flow, parity = U.keys_of(packet.connection, packet.from_server), flows[packet.flow], packet.key_phase
  if not keys then return nil end
  if flow and flow.epoch % 2 == parity then return flow.epoch end
  if flow and packet.number < flow.first then
    return keys[flow.epoch - 1] and flow.epoch - 1
  end
  local epoch = find_epoch(keys, flow and flow.epoch or -1, parity, tvb, part)
  if epoch then flows[packet.flow] = { epoch = epoch, first = packet.number } end
  return epoch
end

-- The key of a packet and its epoch; which that is, is found out on the first pass.
local function key_of(packet, tvb, part)
  local connection, from_server = packet.connection, packet.from_server
  if not packet.visited and not packet.quoted then
    local epoch = choose(packet, tvb, part)
    if not epoch and U.miss_key(connection, from_server) then epoch = choose(packet, tvb, part) end
    chosen[packet.id] = epoch
  end
  local epoch, keys = chosen[packet.id], U.keys_of(connection, from_server)
  return epoch and keys and keys[epoch], epoch
end

-- 0 bad, 1 good, 2 unverified.
local function tag_status(packet, key, tvb, part)
  if not U.is_verified(packet) or not part.trailer then return 2 end
  return tag_fits(key, tvb, part) and 1 or 0
end

local function show(tree, epoch, status, state)
  tree:add(U.fields["udpchat.key_epoch"], epoch):set_generated()
  local item = tree:add(U.fields["udpchat.tag.status"], status):set_generated()
  if status == 2 then item:append_text(" (decrypted, not verified)") end
  if status == 0 then U.refuse(state, item, "udpchat.tag.bad") end
end

-- The body in the clear as a tvb, or nil. part: start (of the packet), at and stop (of the sealed body) and trailer,
-- as offsets in tvb; trailer is nil when it was not captured. The body was.
function U.open_sealed(packet, tree, tvb, part, state)
  local key, epoch = key_of(packet, tvb, part)
  if not key then
    if U.proto.prefs.keylog ~= "" then U.remark(tree, "udpchat.no_key", U.keylog_trouble()) end
    return nil
  end
  show(tree, epoch, tag_status(packet, key, tvb, part), state)
  local size = part.stop - part.at
  if size == 0 then return nil end
  local plain = U.chacha20(key.key, nonce_of(key, tvb, part.start), 1, tvb(part.at, size):raw())
  return ByteArray.new(plain, true):tvb("Decrypted " .. packet.type)
end
