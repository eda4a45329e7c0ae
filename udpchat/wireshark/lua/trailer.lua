-- The last bytes of a packet: checksum, tag or reset token.

local TRAILER_SIZE = U.schema.trailer_size
local ZEROS = ("\0"):rep(TRAILER_SIZE - 4)

U.proto.prefs.verify_checksum = Pref.bool("Verify checksums and tags", false,
  "Compute the CRC-32 of plaintext packets, and the tags of those that the key log opens. "
    .. "Of MSG packets this is always done, because damage in one would spoil those that follow.")

U.field("udpchat.checksum", "uint32", "Checksum", { base = "HEX", description = "CRC-32 of all bytes before the trailer" })
U.field("udpchat.checksum.status", "uint8", "Checksum status",
  { names = { [0] = "Bad", [1] = "Good", [2] = "Unverified" } })
U.field("udpchat.checksum.zeros", "bytes", "Zero bytes", { description = "make the trailer as long as a tag" })
U.field("udpchat.tag", "bytes", "Tag", { description = "Poly1305, authenticates the whole packet" })
U.field("udpchat.reset_token", "bytes", "Reset token", { description = "only the server of the connection knew it" })
U.expert("udpchat.checksum.bad", "The checksum does not fit: the receiver drops the packet", "CHECKSUM", "ERROR")

-- Whether checksum or tag of a packet are to be verified.
function U.is_verified(packet)
  return U.proto.prefs.verify_checksum or packet.type == "MSG"
end

-- Whether the trailer at tvb[at] is a checksum, and what is known of it: 0 bad, 1 good, 2 unverified; nil without one.
function U.checksum_status(packet, tvb, start, at)
  if packet.type == "RESET" or packet.sealed and not packet.handshake then return nil end
  if tvb(at + 4, TRAILER_SIZE - 4):raw() ~= ZEROS then return 0 end
  if not U.is_verified(packet) then return 2 end
  return U.crc32(tvb(start, at - start):raw()) == tvb(at, 4):uint() and 1 or 0
end

-- Show the trailer at tvb[at]. status: what U.checksum_status returned.
function U.show_trailer(packet, tree, tvb, at, status)
  if status then
    local item = tree:add(U.fields["udpchat.checksum"], tvb(at, 4))
    tree:add(U.fields["udpchat.checksum.zeros"], tvb(at + 4, TRAILER_SIZE - 4))
    tree:add(U.fields["udpchat.checksum.status"], status):set_generated()
    if status == 0 then U.remark(item, "udpchat.checksum.bad") end
  else
    local name = packet.type == "RESET" and "udpchat.reset_token" or "udpchat.tag"
    tree:add(U.fields[name], tvb(at, TRAILER_SIZE))
  end
end
