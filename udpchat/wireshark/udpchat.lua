-- udpchat in Wireshark and tshark, 4.0 and newer (Lua 5.2 to 5.4). SPDX-License-Identifier: MIT
-- Made by python -m udpchat.wireshark.generate from udpchat/wire/packets.py and udpchat/wireshark/lua/; do not edit.
-- Each part is a block around the one table U: Lua allows 200 locals.
local U = { version = "0.1.0" }

do -- namespace
-- What all parts share: the protocol, and the fields and expert items that they declare while they are loaded.

U.proto = Proto("udpchat", "udpchat: chat and files over UDP")
U.fields = {}   -- filter name -> ProtoField
U.experts = {}  -- filter name -> ProtoExpert
U.resets = {}   -- called, in order, before a capture is read (again)

local WITHOUT_BASE = { none = true, bytes = true, string = true, framenum = true, bool = true, double = true,
  absolute_time = true, relative_time = true }

local UNITS = { bytes = { " byte", " bytes" }, packets = { " packet", " packets" } }

local function make(abbreviation, kind, title, options)
  local description = options.description
  if kind == "none" then return ProtoField.none(abbreviation, title, description) end
  if kind == "bytes" then return ProtoField.bytes(abbreviation, title, base.NONE, description) end
  if kind == "string" then return ProtoField.string(abbreviation, title, base.NONE, description) end
  if kind == "framenum" then
    return ProtoField.framenum(abbreviation, title, base.NONE, options.frametype or frametype.NONE, nil, description)
  end
  if kind == "bool" then
    return ProtoField.bool(abbreviation, title, options.width or base.NONE, options.names, options.mask, description)
  end
  if kind == "relative_time" then return ProtoField.relative_time(abbreviation, title, description) end
  if kind == "absolute_time" then
    return ProtoField.absolute_time(abbreviation, title, base.UTC, description)
  end
  if kind == "double" then return ProtoField.double(abbreviation, title, description) end
  local shown = base[options.base or "DEC"]
  if options.names then return ProtoField[kind](abbreviation, title, shown, options.names, options.mask, description) end
  if options.unit then
    return ProtoField[kind](abbreviation, title, shown + base.UNIT_STRING, UNITS[options.unit] or { " " .. options.unit }, nil, description)
  end
  return ProtoField[kind](abbreviation, title, shown, nil, options.mask, description)
end

-- Declare a field by its whole filter name; returns the ProtoField. kind: a function of ProtoField.
-- options: unit, description, names (value -> name), base ("DEC", "HEX"), mask, width (of flags), frametype.
function U.field(abbreviation, kind, title, options)
  options = options or {}
  assert(not U.fields[abbreviation], abbreviation)
  assert(not (options.base and WITHOUT_BASE[kind]), abbreviation)
  local field = make(abbreviation, kind, title, options)
  U.fields[abbreviation] = field
  return field
end

-- Declare an expert item by its whole filter name. group, severity: names of expert.group and expert.severity.
function U.expert(abbreviation, text, group, severity)
  assert(not U.experts[abbreviation] and expert.group[group] and expert.severity[severity], abbreviation)
  local item = ProtoExpert.new(abbreviation, text, expert.group[group], expert.severity[severity])
  U.experts[abbreviation] = item
  return item
end

-- Call `reset` before a capture is read, and before it is read again.
function U.on_reset(reset)
  U.resets[#U.resets + 1] = reset
end
end -- namespace

do -- tables
U.schema = {
  magic = 21827,
  version = 1,
  port = 27272,
  header_size = 24,
  trailer_size = 16,
  record_header_size = 9,
  max_number = 9007199254740991,
  max_record = 1048576,
  max_ack_ranges = 64,
  hello_size = 1200,
  hash_size = 32,
  lobby = "lobby",
  from_server = 1,
  key_phase = 2,
  sealed = 4,
  header = {
    { kind = "uint", name = "magic", title = "Magic", size = 2, const = 21827, hex = true, doc = "the letters UC" },
    { kind = "uint", name = "version", title = "Version", size = 1, doc = "protocol version" },
    { kind = "enum", name = "type", title = "Type", size = 1, doc = "packet type, selects the rest", names = { [1] = "HELLO", [2] = "COOKIE", [3] = "REPLY", [4] = "VERSION", [5] = "RESET", [16] = "DATA", [17] = "MSG", [18] = "ACK", [19] = "PING", [20] = "CHALLENGE", [21] = "RESPONSE", [22] = "PROBE", [23] = "CLOSE" } },
    { kind = "flags", name = "flags", title = "Flags", size = 2, doc = "direction, key phase, sealed", names = { { 1, "FROM_SERVER" }, { 2, "KEY_PHASE" }, { 4, "SEALED" } } },
    { kind = "uint", name = "body_length", title = "Body length", size = 2, unit = "bytes", doc = "bytes after this header, without the trailer" },
    { kind = "bytes", name = "connection_id", title = "Connection id", size = 8, doc = "chosen by the server; in handshake packets the client's attempt id" },
    { kind = "uint", name = "packet_number", title = "Packet number", size = 8, doc = "per direction, +1 or more for each packet, never reused, below 2^53" },
  },
  packets = {
    [1] = { name = "HELLO", handshake = true,
      clear = {
        { kind = "bytes", name = "ephemeral", title = "Ephemeral", size = 32, doc = "client's ephemeral X25519 public key; in plaintext mode 32 random bytes" },
        { kind = "flags", name = "features", title = "Features", size = 4, doc = "what the client can do", names = { { 1, "FILES" } } },
        { kind = "blob", name = "cookie", title = "Cookie", prefix = 1, doc = "empty, a cookie (20 bytes) or an address token (longer)" },
        { kind = "greedy", name = "padding", title = "Padding", doc = "zero bytes up to a datagram of 1,200 bytes" },
      },
      sealed = {},
    },
    [2] = { name = "COOKIE", handshake = true,
      clear = {
        { kind = "blob", name = "cookie", title = "Cookie", prefix = 1, doc = "to be sent back in HELLO within 15 s, from the same address" },
      },
      sealed = {},
    },
    [3] = { name = "REPLY", handshake = true,
      clear = {
        { kind = "blob", name = "noise", title = "Noise", prefix = 2, doc = "Noise NX message 2 around PARAMS; in plaintext mode PARAMS itself" },
      },
      sealed = {},
    },
    [4] = { name = "VERSION", handshake = true,
      clear = {
        { kind = "uint", name = "lowest", title = "Lowest", size = 1, doc = "oldest protocol version the server speaks" },
        { kind = "uint", name = "highest", title = "Highest", size = 1, doc = "newest protocol version the server speaks" },
        { kind = "flags", name = "modes", title = "Modes", size = 1, doc = "kinds of session the server takes", names = { { 1, "SEALED" }, { 2, "PLAINTEXT" } } },
      },
      sealed = {},
    },
    [5] = { name = "RESET", handshake = true,
      clear = {},
      sealed = {},
    },
    [16] = { name = "DATA", handshake = false,
      clear = {
        { kind = "uint", name = "transfer_id", title = "Transfer id", size = 4, doc = "the transfer, as named in OPENED or OFFER" },
        { kind = "uint", name = "offset", title = "Offset", size = 8, unit = "bytes", doc = "place of the first chunk byte in the file" },
      },
      sealed = {
        { kind = "greedy", name = "chunk", title = "Chunk", doc = "file bytes" },
      },
    },
    [17] = { name = "MSG", handshake = false,
      clear = {
        { kind = "uint", name = "channel", title = "Channel", size = 1, doc = "0 control and chat, 1 long answers" },
        { kind = "uint", name = "offset", title = "Offset", size = 8, unit = "bytes", doc = "place of the first content byte in the channel" },
      },
      sealed = {
        { kind = "greedy", name = "content", title = "Content", doc = "bytes of the channel: records, whole or in part" },
      },
    },
    [18] = { name = "ACK", handshake = false,
      clear = {
        { kind = "uint", name = "largest", title = "Largest", size = 8, doc = "largest packet number received" },
        { kind = "uint", name = "arrival", title = "Arrival", size = 4, unit = "us", doc = "receiver's clock when it arrived, modulo 2^32" },
        { kind = "uint", name = "ack_delay", title = "Ack delay", size = 4, unit = "us", doc = "time from that arrival to this ACK" },
        { kind = "uint", name = "received", title = "Received", size = 8, doc = "datagrams received so far on this connection" },
        { kind = "uint", name = "window", title = "Window", size = 4, unit = "bytes", doc = "bytes the receiver lets be in flight" },
        { kind = "array", name = "ranges", title = "Ranges", prefix = 1, doc = "packet numbers received, half-open runs, newest first, at most 64", items = { { kind = "uint", name = "start", title = "Start", size = 8, doc = "first number or offset of the run" }, { kind = "uint", name = "stop", title = "Stop", size = 8, doc = "one past the last" } } },
      },
      sealed = {},
    },
    [19] = { name = "PING", handshake = false,
      clear = {},
      sealed = {
        { kind = "bytes", name = "padding", title = "Padding", size = 24, doc = "zero bytes, so that a RESET may answer" },
      },
    },
    [20] = { name = "CHALLENGE", handshake = false,
      clear = {},
      sealed = {
        { kind = "bytes", name = "nonce", title = "Nonce", size = 8, doc = "random, to be echoed in RESPONSE from the same address" },
        { kind = "bytes", name = "padding", title = "Padding", size = 16, doc = "zero bytes" },
      },
    },
    [21] = { name = "RESPONSE", handshake = false,
      clear = {},
      sealed = {
        { kind = "bytes", name = "nonce", title = "Nonce", size = 8, doc = "the nonce of the CHALLENGE" },
        { kind = "bytes", name = "padding", title = "Padding", size = 16, doc = "zero bytes" },
      },
    },
    [22] = { name = "PROBE", handshake = false,
      clear = {},
      sealed = {
        { kind = "greedy", name = "padding", title = "Padding", doc = "zero bytes up to the datagram size that is tried" },
      },
    },
    [23] = { name = "CLOSE", handshake = false,
      clear = {},
      sealed = {
        { kind = "enum", name = "code", title = "Code", size = 2, doc = "why", names = { [0] = "NO_ERROR", [1] = "INTERNAL", [2] = "PROTOCOL_VIOLATION", [3] = "ACK_OF_UNSENT_PACKET", [4] = "FLOW_CONTROL", [5] = "IDLE_TIMEOUT", [6] = "SHUTTING_DOWN", [7] = "KICKED", [8] = "TAKEN_OVER", [9] = "TOO_SLOW", [10] = "MALFORMED_RECORD", [32] = "NOT_JOINED", [33] = "NICK_IN_USE", [34] = "NICK_NOT_ALLOWED", [35] = "SERVER_FULL", [36] = "BAD_SIGNATURE", [37] = "UNKNOWN_USER", [38] = "TEXT_NOT_ALLOWED", [39] = "TOO_MANY_REQUESTS", [40] = "UNKNOWN_ROOM", [41] = "LOGIN_REQUIRED", [42] = "NICK_REGISTERED", [43] = "WRONG_PASSWORD", [44] = "UNKNOWN_ACCOUNT", [45] = "NAME_TAKEN", [46] = "TOO_SHORT", [47] = "TRY_LATER", [48] = "NOT_ALLOWED", [49] = "BANNED", [50] = "NOT_IN_ROOM", [51] = "ROOM_EXISTS", [52] = "ROOM_NOT_ALLOWED", [53] = "TOO_MANY_ROOMS", [54] = "MESSAGE_CHANGED", [55] = "NOT_IN_PLAINTEXT", [64] = "UNKNOWN_FILE", [65] = "UNKNOWN_TRANSFER", [66] = "NAME_NOT_ALLOWED", [67] = "TOO_LARGE", [68] = "NO_SPACE", [69] = "DIGEST_MISMATCH", [70] = "STORAGE_FAILED", [71] = "CANCELLED", [72] = "SOURCE_CHANGED", [73] = "INCOMPLETE", [74] = "TOO_MANY_TRANSFERS", [75] = "TUNING_NOT_ALLOWED", [76] = "QUOTA_EXCEEDED", [77] = "DECLINED", [80] = "OWN_ADDRESS", [81] = "NEIGHBOURS_ALREADY" } },
        { kind = "string", name = "reason", title = "Reason", prefix = 2, doc = "the same for people" },
      },
    },
  },
  params = {
    { kind = "bytes", name = "connection_id", title = "Connection id", size = 8, doc = "the connection's name from now on, both ways" },
    { kind = "bytes", name = "reset_token", title = "Reset token", size = 16, doc = "the trailer of a RESET that ends this connection" },
    { kind = "flags", name = "features", title = "Features", size = 4, doc = "what the server can do", names = { { 1, "FILES" } } },
    { kind = "uint", name = "max_datagram", title = "Max datagram", size = 2, unit = "bytes", doc = "largest datagram the server takes" },
    { kind = "uint", name = "idle_timeout", title = "Idle timeout", size = 4, unit = "ms", doc = "silence after which the server drops the connection" },
    { kind = "greedy", name = "padding", title = "Padding", doc = "empty; in plaintext mode zero bytes up to the length that a sealed REPLY has" },
  },
  record_header = {
    { kind = "uint", name = "record_length", title = "Record length", size = 4, unit = "bytes", doc = "bytes of the record body, at most 1 MiB" },
    { kind = "enum", name = "record_type", title = "Record type", size = 1, doc = "selects the record body", names = { [1] = "JOIN", [2] = "WELCOME", [3] = "REFUSED", [4] = "UNSUPPORTED", [5] = "SAY", [6] = "SAID", [7] = "LINE", [8] = "TELL", [9] = "PRIVATE", [10] = "PRESENCE", [11] = "USERS", [12] = "USER", [13] = "FINISHED", [14] = "NOTICE", [15] = "QUEUED", [16] = "REGISTER", [17] = "LOGIN", [18] = "PASSWORD", [19] = "ACCOUNT", [20] = "LIST_ROOMS", [21] = "ROOM", [22] = "CREATE_ROOM", [23] = "ENTER_ROOM", [24] = "LEAVE_ROOM", [25] = "SET_TOPIC", [26] = "SEEN", [27] = "READ", [28] = "RECEIPT", [29] = "AWAY", [30] = "HISTORY", [31] = "DONE", [32] = "OPEN", [33] = "OPENED", [34] = "CREDIT", [35] = "COMMIT", [36] = "COMMITTED", [37] = "CANCEL", [38] = "LIST_FILES", [39] = "FILE", [40] = "FETCH", [41] = "OFFER", [42] = "RECEIVED", [43] = "SHARED", [44] = "TUNE", [45] = "TUNED", [46] = "MEMBER", [47] = "LIST_MEMBERS", [48] = "WANT_BLOCKS", [49] = "BLOCKS", [50] = "MISSING", [51] = "PACE", [52] = "MARK", [53] = "STATE", [54] = "LIST_STATES", [55] = "DELETE_FILE", [56] = "NEIGHBOUR", [57] = "QUERY", [58] = "HIT", [64] = "ADMINISTER", [65] = "BAN", [66] = "SLOWED" } },
    { kind = "uint", name = "request_id", title = "Request id", size = 4, doc = "chosen by the asker, repeated in each answer; 0 where nobody asked" },
  },
  records = {
    [1] = { name = "JOIN",
      fields = {
        { kind = "bytes", name = "identity", title = "Identity", size = 32, doc = "client's Ed25519 public key: who this person is" },
        { kind = "bytes", name = "signature", title = "Signature", size = 64, doc = "over the handshake hash, see section Identity" },
        { kind = "bytes", name = "client_id", title = "Client id", size = 16, doc = "random, per started client: makes message ids unique" },
        { kind = "flags", name = "features", title = "Features", size = 4, doc = "what the client can do", names = { { 1, "FILES" } } },
        { kind = "flags", name = "flags", title = "Flags", size = 1, doc = "how", names = { { 1, "VISITOR" }, { 2, "WAIT" } } },
        { kind = "uint", name = "seen", title = "Seen", size = 8, doc = "newest message that the client has; 0: as the server remembers" },
        { kind = "blob", name = "ticket", title = "Ticket", prefix = 1, secret = true, doc = "of an earlier login with this key; empty: none" },
        { kind = "string", name = "nick", title = "Nick", prefix = 1, doc = "nickname asked for" },
        { kind = "string", name = "agent", title = "Agent", prefix = 1, doc = "program and version, for people" },
      },
    },
    [2] = { name = "WELCOME",
      fields = {
        { kind = "flags", name = "features", title = "Features", size = 4, doc = "what the server can do", names = { { 1, "FILES" } } },
        { kind = "uint", name = "user_count", title = "User count", size = 4, doc = "users present, this one included" },
        { kind = "uint", name = "server_time", title = "Server time", size = 8, unit = "us", doc = "server's wall clock since 1970" },
        { kind = "uint", name = "sequence", title = "Sequence", size = 8, doc = "messages after this one come by themselves" },
        { kind = "flags", name = "flags", title = "Flags", size = 1, doc = "what the server takes the user for", names = { { 1, "PRESENT" }, { 2, "AWAY" }, { 4, "ACCOUNT" }, { 8, "ADMIN" }, { 16, "LOOKALIKE" } } },
        { kind = "blob", name = "token", title = "Token", prefix = 1, doc = "address token: saves the cookie trip next time" },
        { kind = "string", name = "nick", title = "Nick", prefix = 1, doc = "nickname given" },
        { kind = "string", name = "room", title = "Room", prefix = 1, doc = "room the user is in" },
      },
    },
    [3] = { name = "REFUSED",
      fields = {
        { kind = "enum", name = "code", title = "Code", size = 2, doc = "why", names = { [0] = "NO_ERROR", [1] = "INTERNAL", [2] = "PROTOCOL_VIOLATION", [3] = "ACK_OF_UNSENT_PACKET", [4] = "FLOW_CONTROL", [5] = "IDLE_TIMEOUT", [6] = "SHUTTING_DOWN", [7] = "KICKED", [8] = "TAKEN_OVER", [9] = "TOO_SLOW", [10] = "MALFORMED_RECORD", [32] = "NOT_JOINED", [33] = "NICK_IN_USE", [34] = "NICK_NOT_ALLOWED", [35] = "SERVER_FULL", [36] = "BAD_SIGNATURE", [37] = "UNKNOWN_USER", [38] = "TEXT_NOT_ALLOWED", [39] = "TOO_MANY_REQUESTS", [40] = "UNKNOWN_ROOM", [41] = "LOGIN_REQUIRED", [42] = "NICK_REGISTERED", [43] = "WRONG_PASSWORD", [44] = "UNKNOWN_ACCOUNT", [45] = "NAME_TAKEN", [46] = "TOO_SHORT", [47] = "TRY_LATER", [48] = "NOT_ALLOWED", [49] = "BANNED", [50] = "NOT_IN_ROOM", [51] = "ROOM_EXISTS", [52] = "ROOM_NOT_ALLOWED", [53] = "TOO_MANY_ROOMS", [54] = "MESSAGE_CHANGED", [55] = "NOT_IN_PLAINTEXT", [64] = "UNKNOWN_FILE", [65] = "UNKNOWN_TRANSFER", [66] = "NAME_NOT_ALLOWED", [67] = "TOO_LARGE", [68] = "NO_SPACE", [69] = "DIGEST_MISMATCH", [70] = "STORAGE_FAILED", [71] = "CANCELLED", [72] = "SOURCE_CHANGED", [73] = "INCOMPLETE", [74] = "TOO_MANY_TRANSFERS", [75] = "TUNING_NOT_ALLOWED", [76] = "QUOTA_EXCEEDED", [77] = "DECLINED", [80] = "OWN_ADDRESS", [81] = "NEIGHBOURS_ALREADY" } },
        { kind = "string", name = "text", title = "Text", prefix = 2, doc = "the same for people" },
      },
    },
    [4] = { name = "UNSUPPORTED",
      fields = {
        { kind = "uint", name = "record_type", title = "Record type", size = 1, doc = "type of the record that was not understood" },
      },
    },
    [5] = { name = "SAY",
      fields = {
        { kind = "bytes", name = "message_id", title = "Message id", size = 16, doc = "made by the client; the same id is the same message" },
        { kind = "string", name = "room", title = "Room", prefix = 1, doc = "room it is meant for" },
        { kind = "string", name = "text", title = "Text", prefix = 2, doc = "the line" },
      },
    },
    [6] = { name = "SAID",
      fields = {
        { kind = "bytes", name = "message_id", title = "Message id", size = 16, doc = "of the SAY or TELL that is answered" },
        { kind = "uint", name = "sequence", title = "Sequence", size = 8, doc = "place in the server's order" },
        { kind = "uint", name = "sent_at", title = "Sent at", size = 8, unit = "us", doc = "server's wall clock since 1970" },
        { kind = "flags", name = "flags", title = "Flags", size = 1, doc = "how it was taken", names = { { 1, "WAITS" } } },
      },
    },
    [7] = { name = "LINE",
      fields = {
        { kind = "uint", name = "sequence", title = "Sequence", size = 8, doc = "place in the server's order" },
        { kind = "uint", name = "sent_at", title = "Sent at", size = 8, unit = "us", doc = "server's wall clock since 1970" },
        { kind = "string", name = "room", title = "Room", prefix = 1, doc = "room it was said in" },
        { kind = "string", name = "sender", title = "Sender", prefix = 1, doc = "nickname of the speaker" },
        { kind = "string", name = "text", title = "Text", prefix = 2, doc = "the line" },
      },
    },
    [8] = { name = "TELL",
      fields = {
        { kind = "bytes", name = "message_id", title = "Message id", size = 16, doc = "made by the client; the same id is the same message" },
        { kind = "string", name = "recipient", title = "Recipient", prefix = 1, doc = "nickname it is meant for" },
        { kind = "string", name = "text", title = "Text", prefix = 2, doc = "the line" },
      },
    },
    [9] = { name = "PRIVATE",
      fields = {
        { kind = "uint", name = "sequence", title = "Sequence", size = 8, doc = "place in the server's order" },
        { kind = "uint", name = "sent_at", title = "Sent at", size = 8, unit = "us", doc = "server's wall clock since 1970" },
        { kind = "string", name = "sender", title = "Sender", prefix = 1, doc = "nickname of the speaker" },
        { kind = "string", name = "recipient", title = "Recipient", prefix = 1, doc = "nickname it is meant for" },
        { kind = "string", name = "text", title = "Text", prefix = 2, doc = "the line" },
      },
    },
    [10] = { name = "PRESENCE",
      fields = {
        { kind = "enum", name = "change", title = "Change", size = 1, doc = "what happened", names = { [1] = "JOINED", [2] = "LEFT", [3] = "LOST", [4] = "KICKED", [5] = "BANNED", [6] = "AWAY", [7] = "BACK", [8] = "ENTERED", [9] = "WENT", [10] = "TOPIC" } },
        { kind = "uint", name = "user_count", title = "User count", size = 4, doc = "users present after it; in a room when it is about a room" },
        { kind = "flags", name = "flags", title = "Flags", size = 1, doc = "what is known of the user", names = { { 1, "PRESENT" }, { 2, "AWAY" }, { 4, "ACCOUNT" }, { 8, "ADMIN" }, { 16, "LOOKALIKE" } } },
        { kind = "string", name = "nick", title = "Nick", prefix = 1, doc = "to whom" },
        { kind = "string", name = "room", title = "Room", prefix = 1, doc = "room it is about; empty: the server" },
        { kind = "string", name = "text", title = "Text", prefix = 2, doc = "reason, away message, topic, or the nickname that this one looks like" },
      },
    },
    [11] = { name = "USERS",
      fields = {
        { kind = "enum", name = "scope", title = "Scope", size = 1, doc = "who is asked for", names = { [0] = "PRESENT", [1] = "ACCOUNTS" } },
        { kind = "string", name = "room", title = "Room", prefix = 1, doc = "members of this room only; empty: of any" },
      },
    },
    [12] = { name = "USER",
      fields = {
        { kind = "uint", name = "joined_at", title = "Joined at", size = 8, unit = "us", doc = "server's wall clock since 1970, 0 for who is absent" },
        { kind = "uint", name = "last_seen", title = "Last seen", size = 8, unit = "us", doc = "when the user said or asked something, or left" },
        { kind = "flags", name = "flags", title = "Flags", size = 1, doc = "what is known of the user", names = { { 1, "PRESENT" }, { 2, "AWAY" }, { 4, "ACCOUNT" }, { 8, "ADMIN" }, { 16, "LOOKALIKE" } } },
        { kind = "string", name = "nick", title = "Nick", prefix = 1, doc = "nickname" },
        { kind = "string", name = "away", title = "Away", prefix = 2, doc = "why the user is away" },
      },
    },
    [13] = { name = "FINISHED",
      fields = {
        { kind = "uint", name = "total", title = "Total", size = 4, doc = "records in the list that ends here" },
      },
    },
    [14] = { name = "NOTICE",
      fields = {
        { kind = "uint", name = "sent_at", title = "Sent at", size = 8, unit = "us", doc = "server's wall clock since 1970" },
        { kind = "string", name = "text", title = "Text", prefix = 2, doc = "a word from the server's administrator" },
      },
    },
    [15] = { name = "QUEUED",
      fields = {
        { kind = "uint", name = "position", title = "Position", size = 4, doc = "place in the queue, from 1 on" },
        { kind = "uint", name = "max_users", title = "Max users", size = 4, doc = "how many the server takes" },
      },
    },
    [16] = { name = "REGISTER",
      fields = {
        { kind = "string", name = "nick", title = "Nick", prefix = 1, doc = "nickname that becomes an account" },
        { kind = "string", name = "password", title = "Password", prefix = 2, secret = true, doc = "its password" },
      },
    },
    [17] = { name = "LOGIN",
      fields = {
        { kind = "string", name = "nick", title = "Nick", prefix = 1, doc = "of the account" },
        { kind = "string", name = "password", title = "Password", prefix = 2, secret = true, doc = "its password" },
      },
    },
    [18] = { name = "PASSWORD",
      fields = {
        { kind = "string", name = "old", title = "Old", prefix = 2, secret = true, doc = "password so far" },
        { kind = "string", name = "new", title = "New", prefix = 2, secret = true, doc = "password from now on" },
      },
    },
    [19] = { name = "ACCOUNT",
      fields = {
        { kind = "enum", name = "outcome", title = "Outcome", size = 1, doc = "what was done", names = { [1] = "REGISTERED", [2] = "LOGGED_IN", [3] = "PASSWORD_CHANGED" } },
        { kind = "flags", name = "flags", title = "Flags", size = 1, doc = "what the server takes the user for", names = { { 1, "PRESENT" }, { 2, "AWAY" }, { 4, "ACCOUNT" }, { 8, "ADMIN" }, { 16, "LOOKALIKE" } } },
        { kind = "blob", name = "ticket", title = "Ticket", prefix = 1, secret = true, doc = "for JOIN with the same key: no password is needed" },
        { kind = "string", name = "nick", title = "Nick", prefix = 1, doc = "of the account; the user's nickname from now on" },
      },
    },
    [20] = { name = "LIST_ROOMS",
      fields = {},
    },
    [21] = { name = "ROOM",
      fields = {
        { kind = "flags", name = "flags", title = "Flags", size = 1, doc = "what it is to the one who asked", names = { { 1, "MEMBER" } } },
        { kind = "uint", name = "user_count", title = "User count", size = 4, doc = "members who are present" },
        { kind = "uint", name = "created_at", title = "Created at", size = 8, unit = "us", doc = "server's wall clock since 1970" },
        { kind = "string", name = "room", title = "Room", prefix = 1, doc = "its name" },
        { kind = "string", name = "owner", title = "Owner", prefix = 1, doc = "nickname of who created it; empty: the server" },
        { kind = "string", name = "topic", title = "Topic", prefix = 2, doc = "what it is about" },
      },
    },
    [22] = { name = "CREATE_ROOM",
      fields = {
        { kind = "string", name = "room", title = "Room", prefix = 1, doc = "its name" },
        { kind = "string", name = "topic", title = "Topic", prefix = 2, doc = "what it is about" },
      },
    },
    [23] = { name = "ENTER_ROOM",
      fields = {
        { kind = "string", name = "room", title = "Room", prefix = 1, doc = "to become a member of" },
      },
    },
    [24] = { name = "LEAVE_ROOM",
      fields = {
        { kind = "string", name = "room", title = "Room", prefix = 1, doc = "to be a member of no more" },
      },
    },
    [25] = { name = "SET_TOPIC",
      fields = {
        { kind = "string", name = "room", title = "Room", prefix = 1, doc = "which" },
        { kind = "string", name = "topic", title = "Topic", prefix = 2, doc = "what it is about from now on" },
      },
    },
    [26] = { name = "SEEN",
      fields = {
        { kind = "uint", name = "sequence", title = "Sequence", size = 8, doc = "messages up to this one have been handed to the application" },
      },
    },
    [27] = { name = "READ",
      fields = {
        { kind = "uint", name = "sequence", title = "Sequence", size = 8, doc = "private messages up to this one have been read" },
        { kind = "string", name = "nick", title = "Nick", prefix = 1, doc = "of who sent them" },
      },
    },
    [28] = { name = "RECEIPT",
      fields = {
        { kind = "enum", name = "state", title = "State", size = 1, doc = "how far they have come", names = { [1] = "DELIVERED", [2] = "READ" } },
        { kind = "uint", name = "sequence", title = "Sequence", size = 8, doc = "the asker's messages up to this one" },
        { kind = "string", name = "room", title = "Room", prefix = 1, doc = "in this room; empty: private ones" },
        { kind = "string", name = "nick", title = "Nick", prefix = 1, doc = "to this user, when they are private" },
      },
    },
    [29] = { name = "AWAY",
      fields = {
        { kind = "string", name = "text", title = "Text", prefix = 2, doc = "why; empty: back again" },
      },
    },
    [30] = { name = "HISTORY",
      fields = {
        { kind = "uint", name = "sent_from", title = "Sent from", size = 8, unit = "us", doc = "not sent before this time" },
        { kind = "uint", name = "sent_until", title = "Sent until", size = 8, unit = "us", doc = "sent before this time; 0: any" },
        { kind = "uint", name = "before", title = "Before", size = 8, doc = "older than this sequence; 0: the newest" },
        { kind = "uint", name = "after", title = "After", size = 8, doc = "newer than this sequence, oldest first; 0: as `before` says" },
        { kind = "uint", name = "limit", title = "Limit", size = 2, doc = "messages at most" },
        { kind = "string", name = "room", title = "Room", prefix = 1, doc = "messages of this room; empty: of all, when nick is empty too" },
        { kind = "string", name = "nick", title = "Nick", prefix = 1, doc = "private messages to and from this user" },
        { kind = "string", name = "sender", title = "Sender", prefix = 1, doc = "from this user only; empty: from anybody" },
        { kind = "string", name = "recipient", title = "Recipient", prefix = 1, doc = "private ones to this user only; empty: to anybody" },
        { kind = "string", name = "words", title = "Words", prefix = 2, doc = "with these words; empty: all" },
      },
    },
    [31] = { name = "DONE",
      fields = {},
    },
    [32] = { name = "OPEN",
      fields = {
        { kind = "bytes", name = "upload_id", title = "Upload id", size = 16, doc = "made by the client; the same id is the same upload, also after a restart" },
        { kind = "uint", name = "size", title = "Size", size = 8, unit = "bytes", doc = "of the whole file, or of all files of a folder together" },
        { kind = "uint", name = "modified", title = "Modified", size = 8, unit = "us", doc = "when its content changed, client's wall clock since 1970; 0: unknown" },
        { kind = "uint", name = "members", title = "Members", size = 4, doc = "members of a folder; 0 for a file" },
        { kind = "flags", name = "flags", title = "Flags", size = 1, doc = "what it is", names = { { 1, "FOLDER" }, { 2, "EXECUTABLE" }, { 4, "PRIVATE" }, { 8, "INDEXED" } } },
        { kind = "string", name = "file_name", title = "File name", prefix = 2, doc = "display text, never a path" },
        { kind = "string", name = "room", title = "Room", prefix = 1, doc = "room that hears of it; empty: the lobby, unless it is for one user" },
        { kind = "string", name = "to", title = "To", prefix = 1, doc = "nickname of the one user it is for; empty: for a room" },
      },
    },
    [33] = { name = "OPENED",
      fields = {
        { kind = "uint", name = "transfer_id", title = "Transfer id", size = 4, doc = "to be used in DATA" },
        { kind = "uint", name = "limit", title = "Limit", size = 8, unit = "bytes", doc = "DATA may be sent below this offset" },
        { kind = "flags", name = "flags", title = "Flags", size = 1, doc = "INDEXED: the server has the whole index of the folder", names = { { 1, "FOLDER" }, { 2, "EXECUTABLE" }, { 4, "PRIVATE" }, { 8, "INDEXED" } } },
        { kind = "array", name = "present", title = "Present", prefix = 2, doc = "byte ranges the server holds already", items = { { kind = "uint", name = "start", title = "Start", size = 8, doc = "first number or offset of the run" }, { kind = "uint", name = "stop", title = "Stop", size = 8, doc = "one past the last" } } },
      },
    },
    [34] = { name = "CREDIT",
      fields = {
        { kind = "uint", name = "transfer_id", title = "Transfer id", size = 4, doc = "the transfer" },
        { kind = "uint", name = "limit", title = "Limit", size = 8, unit = "bytes", doc = "DATA may be sent below this offset" },
      },
    },
    [35] = { name = "COMMIT",
      fields = {
        { kind = "bytes", name = "upload_id", title = "Upload id", size = 16, doc = "of the OPEN" },
        { kind = "bytes", name = "md5", title = "MD5", size = 16, doc = "of the whole file, as the client read it; of a folder: of the MD5s of its members, in order" },
      },
    },
    [36] = { name = "COMMITTED",
      fields = {
        { kind = "bytes", name = "upload_id", title = "Upload id", size = 16, doc = "of the OPEN" },
        { kind = "bytes", name = "file_id", title = "File id", size = 16, doc = "the file's name on the server" },
        { kind = "bytes", name = "md5", title = "MD5", size = 16, doc = "of the whole file, as the server stored it" },
        { kind = "uint", name = "stored_at", title = "Stored at", size = 8, unit = "us", doc = "server's wall clock since 1970" },
        { kind = "string", name = "file_name", title = "File name", prefix = 2, doc = "name in the list; another than asked for when that was taken" },
      },
    },
    [37] = { name = "CANCEL",
      fields = {
        { kind = "uint", name = "transfer_id", title = "Transfer id", size = 4, doc = "the transfer that ends" },
        { kind = "enum", name = "code", title = "Code", size = 2, doc = "why", names = { [0] = "NO_ERROR", [1] = "INTERNAL", [2] = "PROTOCOL_VIOLATION", [3] = "ACK_OF_UNSENT_PACKET", [4] = "FLOW_CONTROL", [5] = "IDLE_TIMEOUT", [6] = "SHUTTING_DOWN", [7] = "KICKED", [8] = "TAKEN_OVER", [9] = "TOO_SLOW", [10] = "MALFORMED_RECORD", [32] = "NOT_JOINED", [33] = "NICK_IN_USE", [34] = "NICK_NOT_ALLOWED", [35] = "SERVER_FULL", [36] = "BAD_SIGNATURE", [37] = "UNKNOWN_USER", [38] = "TEXT_NOT_ALLOWED", [39] = "TOO_MANY_REQUESTS", [40] = "UNKNOWN_ROOM", [41] = "LOGIN_REQUIRED", [42] = "NICK_REGISTERED", [43] = "WRONG_PASSWORD", [44] = "UNKNOWN_ACCOUNT", [45] = "NAME_TAKEN", [46] = "TOO_SHORT", [47] = "TRY_LATER", [48] = "NOT_ALLOWED", [49] = "BANNED", [50] = "NOT_IN_ROOM", [51] = "ROOM_EXISTS", [52] = "ROOM_NOT_ALLOWED", [53] = "TOO_MANY_ROOMS", [54] = "MESSAGE_CHANGED", [55] = "NOT_IN_PLAINTEXT", [64] = "UNKNOWN_FILE", [65] = "UNKNOWN_TRANSFER", [66] = "NAME_NOT_ALLOWED", [67] = "TOO_LARGE", [68] = "NO_SPACE", [69] = "DIGEST_MISMATCH", [70] = "STORAGE_FAILED", [71] = "CANCELLED", [72] = "SOURCE_CHANGED", [73] = "INCOMPLETE", [74] = "TOO_MANY_TRANSFERS", [75] = "TUNING_NOT_ALLOWED", [76] = "QUOTA_EXCEEDED", [77] = "DECLINED", [80] = "OWN_ADDRESS", [81] = "NEIGHBOURS_ALREADY" } },
        { kind = "string", name = "text", title = "Text", prefix = 2, doc = "the same for people" },
      },
    },
    [38] = { name = "LIST_FILES",
      fields = {
        { kind = "string", name = "room", title = "Room", prefix = 1, doc = "files of one room only; empty: all that one may see" },
      },
    },
    [39] = { name = "FILE",
      fields = {
        { kind = "bytes", name = "file_id", title = "File id", size = 16, doc = "the file's name on the server; of an upload that is not complete: its upload_id" },
        { kind = "uint", name = "size", title = "Size", size = 8, unit = "bytes" },
        { kind = "bytes", name = "md5", title = "MD5", size = 16, doc = "of the whole file; zero while it is not complete" },
        { kind = "uint", name = "stored_at", title = "Stored at", size = 8, unit = "us", doc = "server's wall clock since 1970" },
        { kind = "uint", name = "expires_at", title = "Expires at", size = 8, unit = "us", doc = "when the server will remove it, by its wall clock; 0: never" },
        { kind = "uint", name = "present", title = "Present", size = 8, doc = "bytes that the server has" },
        { kind = "uint", name = "width", title = "Width", size = 4, unit = "pixels", doc = "of an image; 0: unknown" },
        { kind = "uint", name = "height", title = "Height", size = 4, unit = "pixels", doc = "of an image; 0: unknown" },
        { kind = "uint", name = "members", title = "Members", size = 4, doc = "members of a folder; 0 for a file" },
        { kind = "uint", name = "delivered", title = "Delivered", size = 4, doc = "people whose machines have all bytes of it" },
        { kind = "uint", name = "verified", title = "Verified", size = 4, doc = "people who have it with the right MD5" },
        { kind = "uint", name = "opened", title = "Opened", size = 4, doc = "people who have looked at it" },
        { kind = "flags", name = "flags", title = "Flags", size = 1, doc = "what it is", names = { { 1, "FOLDER" }, { 2, "EXECUTABLE" }, { 4, "PRIVATE" }, { 8, "INDEXED" } } },
        { kind = "enum", name = "state", title = "State", size = 1, doc = "RECEIVING or STORED; of a private one: how far it is with its recipient", names = { [0] = "RECEIVING", [1] = "STORED", [2] = "DELIVERED", [3] = "VERIFIED", [4] = "OPENED", [5] = "DECLINED" } },
        { kind = "string", name = "media", title = "Media", prefix = 1, doc = "media type by its content, as image/png; empty: unknown" },
        { kind = "string", name = "owner", title = "Owner", prefix = 1, doc = "nickname of the uploader" },
        { kind = "string", name = "room", title = "Room", prefix = 1, doc = "room it was sent to; empty: it is private" },
        { kind = "string", name = "to", title = "To", prefix = 1, doc = "nickname of the one user it is for; empty: for a room" },
        { kind = "string", name = "file_name", title = "File name", prefix = 2, doc = "display text, never a path" },
      },
    },
    [40] = { name = "FETCH",
      fields = {
        { kind = "bytes", name = "file_id", title = "File id", size = 16, doc = "which file; all zero: by name" },
        { kind = "uint", name = "number", title = "Number", size = 4, doc = "member of a folder that is wanted alone; 2^32 - 1: the whole" },
        { kind = "flags", name = "flags", title = "Flags", size = 1, doc = "INDEXED: the client has the index of the folder", names = { { 1, "FOLDER" }, { 2, "EXECUTABLE" }, { 4, "PRIVATE" }, { 8, "INDEXED" } } },
        { kind = "string", name = "file_name", title = "File name", prefix = 2, doc = "which file, when file_id is zero: the newest of that name" },
        { kind = "array", name = "present", title = "Present", prefix = 2, doc = "byte ranges the client holds already", items = { { kind = "uint", name = "start", title = "Start", size = 8, doc = "first number or offset of the run" }, { kind = "uint", name = "stop", title = "Stop", size = 8, doc = "one past the last" } } },
      },
    },
    [41] = { name = "OFFER",
      fields = {
        { kind = "uint", name = "transfer_id", title = "Transfer id", size = 4, doc = "will be used in DATA, once the client has sent CREDIT" },
        { kind = "bytes", name = "file_id", title = "File id", size = 16, doc = "the file's name on the server" },
        { kind = "uint", name = "size", title = "Size", size = 8, unit = "bytes" },
        { kind = "bytes", name = "md5", title = "MD5", size = 16, doc = "of the whole file, as the server stored it; of a folder: of the MD5s of its members, in order" },
        { kind = "bytes", name = "root", title = "Root", size = 32, doc = "block root, see section Blocks; zero when only a member is offered" },
        { kind = "uint", name = "modified", title = "Modified", size = 8, unit = "us", doc = "when its content changed, owner's wall clock since 1970; 0: unknown" },
        { kind = "uint", name = "members", title = "Members", size = 4, doc = "members of a folder, sent as MEMBER; 0 for a file" },
        { kind = "flags", name = "flags", title = "Flags", size = 1, doc = "what it is", names = { { 1, "FOLDER" }, { 2, "EXECUTABLE" }, { 4, "PRIVATE" }, { 8, "INDEXED" } } },
        { kind = "string", name = "media", title = "Media", prefix = 1, doc = "media type by its content; empty: unknown" },
        { kind = "string", name = "file_name", title = "File name", prefix = 2, doc = "display text, never a path" },
      },
    },
    [42] = { name = "RECEIVED",
      fields = {
        { kind = "uint", name = "transfer_id", title = "Transfer id", size = 4, doc = "the transfer that is complete" },
        { kind = "bytes", name = "md5", title = "MD5", size = 16, doc = "of the whole file, as the client stored it" },
      },
    },
    [43] = { name = "SHARED",
      fields = {
        { kind = "uint", name = "sequence", title = "Sequence", size = 8, doc = "place in the server's order" },
        { kind = "uint", name = "sent_at", title = "Sent at", size = 8, unit = "us", doc = "server's wall clock since 1970" },
        { kind = "bytes", name = "file_id", title = "File id", size = 16, doc = "the file's name on the server" },
        { kind = "uint", name = "size", title = "Size", size = 8, unit = "bytes" },
        { kind = "bytes", name = "md5", title = "MD5", size = 16, doc = "of the whole file" },
        { kind = "uint", name = "width", title = "Width", size = 4, unit = "pixels", doc = "of an image; 0: unknown" },
        { kind = "uint", name = "height", title = "Height", size = 4, unit = "pixels", doc = "of an image; 0: unknown" },
        { kind = "uint", name = "members", title = "Members", size = 4, doc = "members of a folder; 0 for a file" },
        { kind = "flags", name = "flags", title = "Flags", size = 1, doc = "what it is", names = { { 1, "FOLDER" }, { 2, "EXECUTABLE" }, { 4, "PRIVATE" }, { 8, "INDEXED" } } },
        { kind = "string", name = "media", title = "Media", prefix = 1, doc = "media type by its content; empty: unknown" },
        { kind = "string", name = "room", title = "Room", prefix = 1, doc = "room it was sent to; empty: it is private" },
        { kind = "string", name = "owner", title = "Owner", prefix = 1, doc = "nickname of the uploader" },
        { kind = "string", name = "to", title = "To", prefix = 1, doc = "nickname of the one user it is for; empty: for a room" },
        { kind = "string", name = "file_name", title = "File name", prefix = 2, doc = "display text, never a path" },
      },
    },
    [44] = { name = "TUNE",
      fields = {
        { kind = "uint", name = "window", title = "Window", size = 4, unit = "packets", doc = "file packets in flight at most; 0: as many as congestion control says" },
        { kind = "string", name = "arq", title = "Arq", prefix = 1, doc = "scheme: selective-repeat, go-back-n or stop-and-wait" },
        { kind = "string", name = "congestion", title = "Congestion", prefix = 1, doc = "congestion control: bbr, cubic, newreno or fixed" },
      },
    },
    [45] = { name = "TUNED",
      fields = {
        { kind = "uint", name = "window", title = "Window", size = 4, unit = "packets", doc = "file packets in flight at most; 0: as many as congestion control says" },
        { kind = "string", name = "arq", title = "Arq", prefix = 1, doc = "scheme of what the server sends from now on" },
        { kind = "string", name = "congestion", title = "Congestion", prefix = 1, doc = "congestion control of what the server sends from now on" },
      },
    },
    [46] = { name = "MEMBER",
      fields = {
        { kind = "uint", name = "transfer_id", title = "Transfer id", size = 4, doc = "the folder's transfer; 0 in an answer to LIST_MEMBERS" },
        { kind = "uint", name = "number", title = "Number", size = 4, doc = "place in the index, from 0 on; its bytes follow those of the one before" },
        { kind = "uint", name = "size", title = "Size", size = 8, unit = "bytes" },
        { kind = "uint", name = "modified", title = "Modified", size = 8, unit = "us", doc = "when its content changed, owner's wall clock since 1970; 0: unknown" },
        { kind = "bytes", name = "md5", title = "MD5", size = 16, doc = "of its bytes; zero in an upload" },
        { kind = "flags", name = "flags", title = "Flags", size = 1, doc = "what it is", names = { { 1, "DIRECTORY" }, { 2, "EXECUTABLE" } } },
        { kind = "string", name = "path", title = "Path", prefix = 2, doc = "below the folder, parts separated by /; display text" },
      },
    },
    [47] = { name = "LIST_MEMBERS",
      fields = {
        { kind = "bytes", name = "file_id", title = "File id", size = 16, doc = "the folder" },
      },
    },
    [48] = { name = "WANT_BLOCKS",
      fields = {
        { kind = "uint", name = "transfer_id", title = "Transfer id", size = 4, doc = "the receiver's MD5 is another: which blocks were meant?" },
      },
    },
    [49] = { name = "BLOCKS",
      fields = {
        { kind = "uint", name = "transfer_id", title = "Transfer id", size = 4, doc = "the transfer" },
        { kind = "uint", name = "first", title = "First", size = 4, doc = "number of the first block" },
        { kind = "blob", name = "hashes", title = "Hashes", prefix = 2, doc = "SHA-256 of each block of 1 MiB, 32 bytes each" },
      },
    },
    [50] = { name = "MISSING",
      fields = {
        { kind = "uint", name = "transfer_id", title = "Transfer id", size = 4, doc = "the transfer" },
        { kind = "array", name = "ranges", title = "Ranges", prefix = 2, doc = "byte ranges the receiver does not hold after all: to be sent again", items = { { kind = "uint", name = "start", title = "Start", size = 8, doc = "first number or offset of the run" }, { kind = "uint", name = "stop", title = "Stop", size = 8, doc = "one past the last" } } },
      },
    },
    [51] = { name = "PACE",
      fields = {
        { kind = "uint", name = "transfer_id", title = "Transfer id", size = 4, doc = "the transfer that is being sent to me" },
        { kind = "uint", name = "rate", title = "Rate", size = 8, doc = "file bytes a second at most; 0: any number" },
        { kind = "enum", name = "priority", title = "Priority", size = 1, doc = "before or after other transfers", names = { [0] = "LOW", [1] = "NORMAL", [2] = "HIGH" } },
      },
    },
    [52] = { name = "MARK",
      fields = {
        { kind = "bytes", name = "file_id", title = "File id", size = 16, doc = "the file" },
        { kind = "enum", name = "state", title = "State", size = 1, doc = "OPENED or DECLINED: what its recipient did with it", names = { [0] = "RECEIVING", [1] = "STORED", [2] = "DELIVERED", [3] = "VERIFIED", [4] = "OPENED", [5] = "DECLINED" } },
      },
    },
    [53] = { name = "STATE",
      fields = {
        { kind = "bytes", name = "file_id", title = "File id", size = 16, doc = "the file" },
        { kind = "uint", name = "at", title = "At", size = 8, unit = "us", doc = "since when, server's wall clock since 1970" },
        { kind = "enum", name = "state", title = "State", size = 1, doc = "how far it is with that person", names = { [0] = "RECEIVING", [1] = "STORED", [2] = "DELIVERED", [3] = "VERIFIED", [4] = "OPENED", [5] = "DECLINED" } },
        { kind = "string", name = "nick", title = "Nick", prefix = 1, doc = "who" },
        { kind = "string", name = "file_name", title = "File name", prefix = 2, doc = "display text, never a path" },
      },
    },
    [54] = { name = "LIST_STATES",
      fields = {
        { kind = "bytes", name = "file_id", title = "File id", size = 16, doc = "the file" },
      },
    },
    [55] = { name = "DELETE_FILE",
      fields = {
        { kind = "bytes", name = "file_id", title = "File id", size = 16, doc = "the file" },
      },
    },
    [56] = { name = "NEIGHBOUR",
      fields = {
        { kind = "bytes", name = "key", title = "Key", size = 32, doc = "static public key of this node's server; zero in plaintext mode" },
        { kind = "uint", name = "port", title = "Port", size = 2, doc = "UDP port where this node listens" },
        { kind = "string", name = "node_name", title = "Node name", prefix = 1, doc = "what people call this node; display text" },
      },
    },
    [57] = { name = "QUERY",
      fields = {
        { kind = "bytes", name = "query_id", title = "Query id", size = 16, doc = "random, made by the node that asks; the same wherever the query goes" },
        { kind = "enum", name = "kind", title = "Kind", size = 1, doc = "what the pattern is", names = { [1] = "EXACT", [2] = "GLOB", [3] = "WORDS", [4] = "MD5", [5] = "ROOT" } },
        { kind = "uint", name = "ttl", title = "Ttl", size = 1, doc = "links that it may still travel, this one included" },
        { kind = "uint", name = "hops", title = "Hops", size = 1, doc = "links that it has travelled before this one" },
        { kind = "string", name = "pattern", title = "Pattern", prefix = 1, doc = "what is looked for" },
      },
    },
    [58] = { name = "HIT",
      fields = {
        { kind = "bytes", name = "query_id", title = "Query id", size = 16, doc = "of the QUERY" },
        { kind = "uint", name = "hops", title = "Hops", size = 1, doc = "links between the holder and who gets this record" },
        { kind = "bytes", name = "key", title = "Key", size = 32, doc = "static public key that the holder shows in a handshake; zero in plaintext mode" },
        { kind = "uint", name = "port", title = "Port", size = 2, doc = "UDP port where the holder listens" },
        { kind = "bytes", name = "file_id", title = "File id", size = 16, doc = "what FETCH calls it at the holder" },
        { kind = "uint", name = "size", title = "Size", size = 8, unit = "bytes", doc = "of the file, or of all files of a folder together" },
        { kind = "bytes", name = "md5", title = "MD5", size = 16, doc = "of the whole file; of a folder: of the MD5s of its members, in order" },
        { kind = "bytes", name = "root", title = "Root", size = 32, doc = "block root, see section Blocks; zero when the holder has not made it yet" },
        { kind = "uint", name = "members", title = "Members", size = 4, doc = "members of a folder; 0 for a file" },
        { kind = "flags", name = "flags", title = "Flags", size = 1, doc = "what it is", names = { { 1, "FOLDER" }, { 2, "EXECUTABLE" }, { 4, "PRIVATE" }, { 8, "INDEXED" } } },
        { kind = "string", name = "host", title = "Host", prefix = 1, doc = "IP address of the holder; empty when the holder itself says it" },
        { kind = "string", name = "file_name", title = "File name", prefix = 2, doc = "display text, never a path of the one who reads it" },
      },
    },
    [64] = { name = "ADMINISTER",
      fields = {
        { kind = "enum", name = "action", title = "Action", size = 1, doc = "what is to be done", names = { [1] = "KICK", [2] = "BAN", [3] = "UNBAN", [4] = "LIST_BANS", [5] = "ANNOUNCE" } },
        { kind = "string", name = "target", title = "Target", prefix = 1, doc = "nickname or address" },
        { kind = "string", name = "text", title = "Text", prefix = 2, doc = "reason, or what is announced" },
      },
    },
    [65] = { name = "BAN",
      fields = {
        { kind = "uint", name = "banned_at", title = "Banned at", size = 8, unit = "us", doc = "server's wall clock since 1970" },
        { kind = "string", name = "target", title = "Target", prefix = 1, doc = "nickname or address" },
        { kind = "string", name = "by", title = "By", prefix = 1, doc = "nickname of the administrator; empty: at the server's terminal" },
        { kind = "string", name = "reason", title = "Reason", prefix = 2, doc = "why" },
      },
    },
    [66] = { name = "SLOWED",
      fields = {
        { kind = "uint", name = "wait", title = "Wait", size = 4, unit = "us", doc = "the user says lines too fast; the next is taken after this time" },
      },
    },
  },
}
end -- tables

do -- text
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
end -- text

do -- checksum
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
end -- checksum

do -- chacha20
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
end -- chacha20

do -- poly1305
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
end -- poly1305

do -- keylog
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
end -- keylog

do -- fields
-- ProtoFields for everything in the tables; each row gets its own, to be used by the reader.

local NUMBER = { [1] = "uint8", [2] = "uint16", [4] = "uint32", [8] = "uint64" }

-- What one element of an array is called: ranges -> range.
local function singular(name)
  return (name:gsub("s$", ""))
end

local function declare_flags(row, abbreviation)
  row.field = U.field(abbreviation, NUMBER[row.size], row.title, { base = "HEX", description = row.doc })
  row.bits = {}
  for index, flag in ipairs(row.names) do
    local mask, label = flag[1], flag[2]
    local title = label:sub(1, 1) .. label:sub(2):lower():gsub("_", " ")
    row.bits[index] = U.field(abbreviation .. "." .. label:lower(), "bool", title, { width = row.size * 8, mask = mask })
  end
end

local declare

local function declare_array(row, abbreviation)
  local element = singular(abbreviation)
  row.count_field = U.field(element .. "_count", NUMBER[row.prefix], "Number of " .. row.name)
  row.field = U.field(element, "none", singular(row.title), { description = row.doc })
  row.item_size = 0
  for _, item in ipairs(row.items) do row.item_size = row.item_size + item.size end
  declare(row.items, element)
end

-- Give each row its field, under a filter name that starts with `scope`.
declare = function(rows, scope)
  for _, row in ipairs(rows) do
    local abbreviation = scope .. "." .. row.name
    if row.kind == "flags" then
      declare_flags(row, abbreviation)
    elseif row.kind == "array" then
      declare_array(row, abbreviation)
    elseif row.kind == "bytes" or row.kind == "greedy" then
      row.field = U.field(abbreviation, "bytes", row.title, { description = row.doc })
    elseif row.kind == "blob" or row.kind == "string" then
      row.length_field = U.field(abbreviation .. "_length", NUMBER[row.prefix], row.title .. " length", { unit = "bytes" })
      local kind = row.kind == "blob" and not row.secret and "bytes" or "string"
      row.field = U.field(abbreviation, kind, row.title, { description = row.doc })
    else
      local options = { description = row.doc, unit = row.unit, base = row.hex and "HEX" or nil }
      if row.kind == "enum" then options.names = row.names end
      row.field = U.field(abbreviation, NUMBER[row.size], row.title, options)
    end
    row.abbreviation = abbreviation
  end
end

local schema = U.schema
declare(schema.header, "udpchat")
for _, packet in pairs(schema.packets) do
  local scope = "udpchat." .. packet.name:lower()
  if U.fields[scope] then scope = scope .. "_packet" end -- VERSION, of the same name as a field of the header
  packet.field = U.field(scope, "none", packet.name)
  declare(packet.clear, scope)
  declare(packet.sealed, scope)
end
U.field("udpchat.params", "none", "PARAMS")
declare(schema.params, "udpchat.params")
U.field("udpchat.record", "none", "Record", { description = "of any type" })
declare(schema.record_header, "udpchat.record")
for _, record in pairs(schema.records) do
  local scope = "udpchat.record." .. record.name:lower()
  record.field = U.field(scope, "none", record.name)
  declare(record.fields, scope)
end

-- The row of that name.
function U.row(rows, name)
  for _, row in ipairs(rows) do
    if row.name == name then return row end
  end
end
end -- fields

do -- checks
-- What a field may hold and what not: the receiver drops such packets, or closes the connection.

local schema = U.schema

-- Of group PROTOCOL, not MALFORMED: that would add _ws.malformed, which stands for a dissector that failed.
U.expert("udpchat.truncated", "The packet ends too early", "PROTOCOL", "ERROR")
U.expert("udpchat.trailing", "Bytes behind the last field", "PROTOCOL", "ERROR")
U.expert("udpchat.not_captured", "The rest was not captured", "UNDECODED", "NOTE")
U.expert("udpchat.illegal_value", "A value that is not allowed: the receiver drops the packet", "PROTOCOL", "ERROR")
U.expert("udpchat.bad_magic", "Not the magic of udpchat: the receiver drops the packet", "PROTOCOL", "ERROR")
U.expert("udpchat.unknown_version", "A version of the protocol that is not known here", "UNDECODED", "WARN")
U.expert("udpchat.unknown_type", "A packet type that is not known: the receiver drops the packet", "UNDECODED", "WARN")
U.expert("udpchat.unknown_flags", "Flag bits that are not known: the receiver drops the packet", "PROTOCOL", "ERROR")
U.expert("udpchat.unknown_value", "A number that has no name here", "UNDECODED", "NOTE")

-- Attach an expert item; without a text it has its own. (An argument that is nil raises.)
function U.remark(item, name, text)
  if text then
    item:add_proto_expert_info(U.experts[name], text)
  else
    item:add_proto_expert_info(U.experts[name])
  end
end

-- The same, and `state` remembers that the packet is none that a receiver takes. Inside records and PARAMS the item is
-- `state.instead`, whatever is wrong.
function U.refuse(state, item, name, text)
  U.remark(item, state.instead or name, text)
  state.damaged = true
end

local function runs_ascend(ranges)
  local previous = -1
  for _, range in ipairs(ranges) do
    if not (previous < range.start and range.start < range.stop) then return false end
    previous = range.stop
  end
  return previous <= schema.max_number
end

local function runs_descend(ranges)
  local previous = schema.max_number + 2
  for _, range in ipairs(ranges) do
    if not (range.start < range.stop and range.stop < previous) then return false end
    previous = range.start
  end
  return true
end

local CHECKS = {}

function CHECKS.ACK(values)
  local ranges = values.ranges
  if #ranges < 1 or #ranges > schema.max_ack_ranges then return "an ACK has 1 to 64 ranges" end
  if ranges[1].stop ~= values.largest + 1 then return "the first range must end with the largest number" end
  if not runs_descend(ranges) then return "ranges must go from the newest to the oldest, with gaps between" end
end

function CHECKS.VERSION(values)
  if values.lowest > values.highest then return "the oldest version is newer than the newest" end
end

function CHECKS.HELLO(_, size)
  if size < schema.hello_size then return "a HELLO has at least " .. schema.hello_size .. " bytes" end
end

-- A sentence about what is wrong between the clear fields of a packet, all of which were read, or nil.
function U.wrong_in_packet(packet)
  local check = CHECKS[packet.type]
  return check and check(packet.body, packet.size)
end

-- The same for a record.
function U.wrong_in_record(values)
  for _, value in pairs(values) do
    if type(value) == "table" and not runs_ascend(value) then return "ranges must ascend, with gaps between" end
  end
end
end -- checks

do -- reader
-- Fields by their rows: into the tree, and as plain Lua values.

local schema = U.schema
local MAX_NUMBER = schema.max_number

-- A field that is not there; `state.cut` is set when the capture, not the packet, ends there.
local function short(row, tree, state)
  if not state.cut then U.refuse(state, tree, "udpchat.truncated", "the end is inside " .. row.title:lower()) end
  return nil
end

local function check_number(row, item, value, state)
  if value > MAX_NUMBER then
    U.refuse(state, item, "udpchat.illegal_value", row.title:lower() .. " must be below 2^53")
  end
end

local function number_at(tvb, at, size)
  local range = tvb(at, size)
  if size == 8 then return range, U.read_u64(range) end
  return range, range:uint()
end

local readers = {}

function readers.uint(row, tree, tvb, at, stop, values, state)
  local size = row.size
  if at + size > stop then return short(row, tree, state) end
  local range, value = number_at(tvb, at, size)
  local item = tree:add(row.field, range)
  if size == 8 then
    check_number(row, item, value, state)
    if row.unit == "us" then
      local date = U.date_text(value)
      if date then item:append_text(" (" .. date .. ")") end
    end
  end
  values[row.name] = value
  return at + size
end

function readers.enum(row, tree, tvb, at, stop, values, state)
  local size = row.size
  if at + size > stop then return short(row, tree, state) end
  local range = tvb(at, size)
  local value = range:uint()
  local item = tree:add(row.field, range)
  if not row.names[value] then item:add_proto_expert_info(U.experts["udpchat.unknown_value"]) end
  values[row.name] = value
  return at + size
end

function readers.flags(row, tree, tvb, at, stop, values, state)
  local size = row.size
  if at + size > stop then return short(row, tree, state) end
  local range = tvb(at, size)
  local value, set = range:uint(), {}
  local unknown = value
  local item = tree:add(row.field, range)
  for index, flag in ipairs(row.names) do
    item:add(row.bits[index], range)
    if value % (2 * flag[1]) >= flag[1] then
      set[#set + 1] = flag[2]
      unknown = unknown - flag[1]
    end
  end
  if set[1] then item:append_text(" (" .. table.concat(set, ", ") .. ")") end
  values[row.name] = value
  return at + size, item, unknown
end

function readers.bytes(row, tree, tvb, at, stop, values, state)
  local size = row.size
  if at + size > stop then return short(row, tree, state) end
  local range = tvb(at, size)
  tree:add(row.field, range)
  if row.name ~= "padding" then values[row.name] = range:raw() end
  return at + size
end

-- Where bytes after their length start and stop, or nil.
local function counted(row, tree, tvb, at, stop, state)
  local start = at + row.prefix
  if start > stop then return short(row, tree, state) end
  local range, length = number_at(tvb, at, row.prefix)
  tree:add(row.length_field, range)
  if start + length > stop then return short(row, tree, state) end
  return start, length
end

-- A password or a ticket: that it is there, but never what it is. The item has no bytes: they would be in its value.
local function hide(row, tree, values)
  values[row.name] = "(hidden)"
  return tree:add(row.field, values[row.name])
end

function readers.blob(row, tree, tvb, at, stop, values, state)
  local start, length = counted(row, tree, tvb, at, stop, state)
  if not start then return nil end
  values[row.name] = ""
  if length > 0 and row.secret then
    hide(row, tree, values)
  elseif length > 0 then
    local range = tvb(start, length)
    tree:add(row.field, range)
    values[row.name] = range:raw()
  end
  return start + length
end

function readers.string(row, tree, tvb, at, stop, values, state)
  local start, length = counted(row, tree, tvb, at, stop, state)
  if not start then return nil end
  if length == 0 then
    tree:add(row.field, "")
    values[row.name] = ""
    return start
  end
  local range = tvb(start, length)
  local text = range:raw()
  values[row.name] = text
  local item = row.secret and hide(row, tree, values) or tree:add_packet_field(row.field, range, ENC_UTF_8)
  if not U.is_utf8(text) then U.refuse(state, item, "udpchat.illegal_value", row.title:lower() .. " is not UTF-8") end
  return start + length
end

local function read_item(row, tree, tvb, at, index, state)
  local element = tree:add(row.field, tvb(at, row.item_size))
  local values = {}
  for _, item in ipairs(row.items) do
    at = readers[item.kind](item, element, tvb, at, at + item.size, values, state)
  end
  element:set_text(("Range %d: %s to %s"):format(index, U.number(values.start), U.number(values.stop - 1)))
  return at, values
end

function readers.array(row, tree, tvb, at, stop, values, state)
  local start = at + row.prefix
  if start > stop then return short(row, tree, state) end
  local range, count = number_at(tvb, at, row.prefix)
  tree:add(row.count_field, range)
  local list = {}
  values[row.name] = list
  at = start
  for index = 1, count do
    if at + row.item_size > stop then return short(row, tree, state) end
    at, list[index] = read_item(row, tree, tvb, at, index, state)
  end
  return at
end

function readers.greedy(row, tree, tvb, at, stop)
  if stop > at then tree:add(row.field, tvb(at, stop - at)) end
  return stop
end

-- Read all rows from tvb[at] to tvb[stop]. values: gets each field by name, texts and bytes as strings, ranges as an
-- array of {start=, stop=}; padding and bytes to the end stay out. state: `cut` when the capture ends at stop though
-- the packet does not; `damaged` is set when a receiver would refuse this. Returns where the last field ended, or nil.
function U.read_fields(rows, tree, tvb, at, stop, values, state)
  for _, row in ipairs(rows) do
    at = readers[row.kind](row, tree, tvb, at, stop, values, state)
    if not at then return nil end
  end
  return at
end

U.readers = readers
end -- reader

do -- records
-- Records: header, and the fields of the body by type.

local schema = U.schema
local HEADER_SIZE, TYPE_AT = schema.record_header_size, 4

U.field("udpchat.record.undecoded", "bytes", "Body", { description = "of a record type that is not known here" })
U.field("udpchat.record.later", "bytes", "Later fields", { description = "of a newer version; ignored" })
U.expert("udpchat.record.unknown_type", "A record type that is not known here: the answer is UNSUPPORTED", "UNDECODED", "NOTE")
U.expert("udpchat.record.broken", "The channel holds what is no record: the receiver closes the connection", "PROTOCOL", "ERROR")

U.field("udpchat.record.blocks.hash", "bytes", "SHA-256", { description = "of one block" })
U.expert("udpchat.record.blocks.odd", "Not a whole number of hashes", "PROTOCOL", "WARN")

local record_type_row = U.row(schema.record_header, "record_type")

-- UNSUPPORTED has the bare number of a type.
local function name_type(tree, record, values)
  local name = record.name == "UNSUPPORTED" and record_type_row.names[values.record_type]
  if name then tree:append_text(" (" .. name .. ")") end
end

-- The hashes of BLOCKS one by one, each with the number of its block; they end at `stop`.
local function show_hashes(tree, tvb, stop, values)
  local size, count = schema.hash_size, math.floor(#values.hashes / schema.hash_size)
  if #values.hashes % size ~= 0 then tree:add_proto_expert_info(U.experts["udpchat.record.blocks.odd"]) end
  local start = stop - #values.hashes
  for index = 0, count - 1 do
    local hash = values.hashes:sub(index * size + 1, (index + 1) * size)
    local item = tree:add(U.fields["udpchat.record.blocks.hash"], tvb(start + index * size, size))
    item:set_text("Block " .. U.number(values.first + index) .. ": " .. U.hex(hash))
  end
end

local function read_body(record, tree, tvb, at, stop, values)
  local state = { instead = "udpchat.record.broken" }
  at = U.read_fields(record.fields, tree, tvb, at, stop, values, state)
  if not at then return end
  if record.name == "BLOCKS" then show_hashes(tree, tvb, at, values) end
  if at < stop then tree:add(U.fields["udpchat.record.later"], tvb(at, stop - at)) end
  local wrong = U.wrong_in_record(values)
  if wrong then U.refuse(state, tree, "udpchat.illegal_value", wrong) end
  name_type(tree, record, values)
end

-- Dissect the whole record at tvb[at], `size` bytes with its header.
-- Returns { name =, type =, request_id =, fields = }; of an unknown type the name is nil.
function U.dissect_record(tree, tvb, at, size)
  local record = schema.records[tvb(at + TYPE_AT, 1):uint()]
  local item = tree:add(U.fields["udpchat.record"], tvb(at, size))
  if record then item:add(record.field, tvb(at, size)):set_hidden() end -- for filters: one name for each type
  local header, values = {}, {}
  local body = U.read_fields(schema.record_header, item, tvb, at, at + size, header, {})
  local read = { type = header.record_type, request_id = header.request_id, fields = values }
  if record then
    read.name = record.name
    read_body(record, item, tvb, body, at + size, values)
  else
    item:add_proto_expert_info(U.experts["udpchat.record.unknown_type"])
    if size > HEADER_SIZE then item:add(U.fields["udpchat.record.undecoded"], tvb(body, size - HEADER_SIZE)) end
  end
  item:set_text("Record: " .. U.record_summary(read))
  return read, item
end
end -- records

do -- requests
-- Which record answers which: both carry one request id, which the client chose. Found out on the first pass, in the
-- order of the capture; where a request was answered is there from the second pass on (tshark -2).

local PREFIX = "udpchat.record"

local answered_in = U.field(PREFIX .. ".answered_in", "framenum", "Answered in",
  { frametype = frametype.RESPONSE, description = "the packet with the first answer" })
local answer_to = U.field(PREFIX .. ".answer_to", "framenum", "Answer to",
  { frametype = frametype.REQUEST, description = "the packet with the request" })
local answer_time = U.field(PREFIX .. ".answer_time", "relative_time", "Time to the answer",
  { description = "since the request, on the first answer" })

local requests = {}

U.on_reset(function()
  requests = {}
end)

-- Remember a request, or find the one that this record answers.
local function match(packet, read, kept)
  if not read.request_id or read.request_id == 0 then return end
  local key = packet.connection .. packet.place .. " " .. U.number(read.request_id)
  if not packet.from_server then
    if read.name == "UNSUPPORTED" then return end -- what the server asked has ids of its own
    kept.request = { frame = packet.frame, time = packet.time }
    requests[key] = kept.request
    return
  end
  local request = requests[key]
  if not request then return end
  kept.answers = request
  if not request.answered_in then
    request.answered_in = packet.frame
    kept.waited = math.max(0, math.floor((packet.time - request.time) * 1000000 + 0.5))
  end
end

-- Show what a record asks or answers. kept: a table of this record that lives through all passes.
function U.show_request(packet, item, read, kept)
  if not kept.is_matched then
    kept.is_matched = true
    match(packet, read, kept)
  end
  if kept.request and kept.request.answered_in then
    item:add(answered_in, kept.request.answered_in):set_generated()
  end
  if kept.answers then item:add(answer_to, kept.answers.frame):set_generated() end
  if kept.waited then
    local seconds = math.floor(kept.waited / 1000000)
    item:add(answer_time, NSTime.new(seconds, (kept.waited - seconds * 1000000) * 1000)):set_generated()
  end
end
end -- requests

do -- channels
-- The ordered byte channels that MSG packets carry, cut into records.
-- Built in the order of the capture, on the first pass only; what each packet brought is kept by its id. A fragment
-- that was sent again is used once. A record is shown in the packet that completed it.

local schema = U.schema
local HEADER_SIZE, MAX_RECORD = schema.record_header_size, schema.max_record
local MAX_HELD = 64 -- fragments behind a hole; more of them, and the hole was not captured

U.field("udpchat.record.started_in", "framenum", "Record started in")
U.field("udpchat.record.completed_in", "framenum", "Record completed in")
U.field("udpchat.msg.held_until", "framenum", "Waits for what is filled in by")
U.field("udpchat.msg.repeats", "framenum", "Content was in", { frametype = frametype.RETRANS_PREV })
U.expert("udpchat.msg.hole", "The channel starts in the middle, or bytes of it were not captured", "SEQUENCE", "NOTE")

local streams, brought, begun = {}, {}, {}

U.on_reset(function()
  streams, brought, begun = {}, {}, {}
end)

local function length_at(text, at)
  local a, b, c, d = text:byte(at, at + 3)
  return ((a * 256 + b) * 256 + c) * 256 + d
end

-- Bytes that the body of a record of each type has at least.
local least = {}
for number, record in pairs(schema.records) do
  least[number] = 0
  for _, row in ipairs(record.fields) do least[number] = least[number] + (row.size or row.prefix) end
end

-- Whether records may stand end to end from the start of `text` on; the last may go beyond its end.
local function plausible(text)
  local at = 1
  repeat
    if #text - at + 1 < HEADER_SIZE then return at > 1 end
    local length, needed = length_at(text, at), least[text:byte(at + 4)]
    if not needed or length < needed or length > MAX_RECORD then return false end
    at = at + HEADER_SIZE + length
  until at > #text
  return true
end

local function drop_partial(stream)
  stream.parts, stream.have, stream.needed, stream.owners = {}, 0, 0, {}
end

local function new_stream(next_offset)
  local stream = { next = next_offset, held = {}, held_count = 0, frames = {} }
  drop_partial(stream)
  return stream
end

local function add_partial(stream, piece, text)
  stream.parts[#stream.parts + 1] = text
  stream.have = stream.have + #text
  stream.owners[#stream.owners + 1] = piece
end

local function finish_partial(stream, into)
  for _, owner in ipairs(stream.owners) do
    if owner.id ~= into.id then brought[owner.id].completed_in = into.frame end
  end
  into.records[#into.records + 1] = { text = table.concat(stream.parts), started_in = stream.owners[1].frame }
  drop_partial(stream)
end

-- Bytes that the record at text[at] needs in all; nil when that is no record.
local function record_size(text, at)
  local length = length_at(text, at)
  if length > MAX_RECORD then return nil end
  return HEADER_SIZE + length
end

-- Go on with the record that began in an earlier packet; returns how many bytes of text it took, nil for no record.
local function extend_partial(stream, piece, text, into)
  local took = math.min(stream.needed - stream.have, #text)
  add_partial(stream, piece, text:sub(1, took))
  if stream.have < stream.needed then return took end
  local joined = table.concat(stream.parts)
  local size = record_size(joined, 1)
  if not size then return nil end
  stream.parts, stream.needed = { joined }, size
  if stream.have == size then finish_partial(stream, into) end
  return took
end

-- Cut `text`, which goes on in order, into records. piece: the packet that brought it, its content starting `skipped`
-- bytes before text. into: the packet that made it readable, which gets the records.
local function cut(stream, piece, text, skipped, into)
  local at = 1
  while at <= #text and not stream.broken do
    local left, took = #text - at + 1, nil
    if stream.have > 0 then
      took = extend_partial(stream, piece, text:sub(at), into)
    else
      local size = left >= HEADER_SIZE and record_size(text, at) or left < HEADER_SIZE and HEADER_SIZE or nil
      if size and left >= size then
        local record = { text = text:sub(at, at + size - 1) }
        if piece.id == into.id then record = { at = skipped + at - 1, size = size } end
        if piece.id ~= into.id then record.started_in = piece.frame end
        into.records[#into.records + 1] = record
        took = size
      elseif size then
        stream.needed, took = size, left
        add_partial(stream, piece, text:sub(at))
      end
    end
    if took then
      at = at + took
    else
      stream.broken, into.broken = true, true
    end
  end
end

-- Take what comes next in the channel; a hole before it (`lost`) is over where a record may start.
local function advance(stream, piece, into)
  local skipped = stream.next - piece.offset
  local text = piece.text and piece.text:sub(skipped + 1)
  stream.next = piece.offset + piece.size
  if not text then -- no key, or cut by the snap length
    drop_partial(stream)
    stream.lost = true
    return
  end
  if stream.lost then
    into.hole = true
    if not plausible(text) then return end
    stream.lost = false
  end
  cut(stream, piece, text, skipped, into)
end

local function hold(stream, piece)
  local other = stream.held[piece.offset]
  if other and other.size >= piece.size then return end
  if not other then stream.held_count = stream.held_count + 1 end
  stream.held[piece.offset] = piece
end

local function release(stream, offset)
  stream.held[offset] = nil
  stream.held_count = stream.held_count - 1
end

local function drain(stream, into)
  local again = stream.held_count > 0
  while again do
    again = false
    for offset, piece in pairs(stream.held) do
      if offset <= stream.next then
        release(stream, offset)
        if offset + piece.size > stream.next then
          brought[piece.id].held_until = into.frame
          advance(stream, piece, into)
        end
        again = stream.held_count > 0
        break
      end
    end
  end
end

local function skip_hole(stream)
  local first = math.huge
  for offset in pairs(stream.held) do first = math.min(first, offset) end
  stream.next, stream.lost = first, true
  drop_partial(stream)
end

local function stream_of(packet, offset)
  local key = packet.flow .. " " .. packet.body.channel
  local stream = streams[key]
  if not stream then
    -- A capture that has not seen the first packets starts in the middle of the channel.
    local from_start = begun[packet.flow] or offset == 0
    stream = new_stream(from_start and 0 or offset)
    stream.lost = not from_start
    streams[key] = stream
  end
  return stream
end

-- First pass: remember that this direction of a connection was captured from its start.
function U.note_start(packet)
  if packet.number < 16 then begun[packet.flow] = true end
end

-- First pass: give the channel what a MSG packet carries. text: nil when it cannot be read.
function U.feed_channel(packet, size, text)
  local offset = packet.body.offset
  local stream = stream_of(packet, offset)
  local into = { id = packet.id, frame = packet.frame, records = {} }
  brought[packet.id] = into
  if stream.frames[offset] then into.repeats = stream.frames[offset] end
  stream.frames[offset] = stream.frames[offset] or packet.frame
  if size == 0 or offset + size <= stream.next then return end
  local piece = { id = packet.id, frame = packet.frame, offset = offset, size = size, text = text }
  if offset > stream.next then
    hold(stream, piece)
    if stream.held_count <= MAX_HELD then return end
    skip_hole(stream)
  else
    advance(stream, piece, into)
  end
  drain(stream, into)
end

local function show_record(packet, tree, content, record)
  local tvb, at, size = content, record.at, record.size
  if record.text then
    tvb, at, size = ByteArray.new(record.text, true):tvb("Record"), 0, #record.text
  else
    at = at + packet.content_start
  end
  local read, item = U.dissect_record(tree, tvb, at, size)
  if record.started_in and record.started_in ~= packet.frame then
    item:add(U.fields["udpchat.record.started_in"], record.started_in):set_generated()
  end
  U.show_request(packet, item, read, record)
  packet.records[#packet.records + 1] = read
end

-- Every pass: show what a MSG packet brought. content: the tvb that holds its content from packet.content_start on; nil
-- when it cannot be read, and brought no record.
function U.show_channel(packet, tree, content)
  local into = brought[packet.id]
  if not into then return end
  packet.repeats = into.repeats
  if into.repeats then tree:add(U.fields["udpchat.msg.repeats"], into.repeats):set_generated() end
  if into.held_until then tree:add(U.fields["udpchat.msg.held_until"], into.held_until):set_generated() end
  if into.completed_in then tree:add(U.fields["udpchat.record.completed_in"], into.completed_in):set_generated() end
  if into.hole then tree:add_proto_expert_info(U.experts["udpchat.msg.hole"]) end
  for _, record in ipairs(into.records) do show_record(packet, tree, content, record) end
  if into.broken then tree:add_proto_expert_info(U.experts["udpchat.record.broken"]) end
end
end -- channels

do -- sealed
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
end -- sealed

do -- trailer
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
end -- trailer

do -- summaries
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
end -- summaries

do -- packet
-- The header of a packet, and the table that says of a packet what other parts need; see engine.lua for its contents.

local schema = U.schema
local TYPE_AT, ID_AT, ID_SIZE = 3, 8, 8

U.field("udpchat.undecoded", "bytes", "Undecoded")

-- On the first pass of two there may be no tree, and then no field has a value: what must be known there comes from
-- pinfo. So places of capture are told apart by direction, too.
local interface_field = Field.new("frame.interface_id")
local OUTBOUND = { [0] = true, [1] = false }  -- by pinfo.p2p_dir

-- What stands at the same place in all versions (docs/protocol.md section 4.9).
local FIXED_PLACES = { 0, 2, TYPE_AT, ID_AT }
local fixed_rows = { [0] = U.row(schema.header, "magic"), [2] = U.row(schema.header, "version"),
  [TYPE_AT] = U.row(schema.header, "type"), [ID_AT] = U.row(schema.header, "connection_id") }

local function endpoint(address, port)
  local text = tostring(address)
  return (text:find(":", 1, true) and "[" .. text .. "]" or text) .. ":" .. port
end

-- A packet of which nothing was read yet. index: which in its frame. size: of the packet on the wire.
function U.new_packet(pinfo, index, size)
  local interface = interface_field()
  return {
    id = index == 1 and pinfo.number or pinfo.number + (index - 1) / 65536,
    frame = pinfo.number, index = index, visited = pinfo.visited, time = pinfo.abs_ts, rel = pinfo.rel_ts,
    interface = interface and interface.value or 0,
    src = endpoint(pinfo.src, pinfo.src_port), dst = endpoint(pinfo.dst, pinfo.dst_port),
    size = size, body = {}, records = {}, whole = false, note = "cut short",
    outbound = OUTBOUND[pinfo.p2p_dir],
    quoted = pinfo.in_error_pkt, -- inside an ICMP error: told, not sent
  }
end

local function has_flag(flags, mask)
  return flags % (2 * mask) >= mask
end

local function note_header(packet, header)
  local flags = header.flags
  packet.number, packet.flags = header.packet_number, flags
  packet.from_server = has_flag(flags, schema.from_server)
  packet.sealed = has_flag(flags, schema.sealed)
  packet.key_phase = has_flag(flags, schema.key_phase) and 1 or 0
  packet.connection = U.hex(header.connection_id)
  packet.place = U.number(packet.interface)
  if packet.outbound ~= nil then
    packet.place = packet.place .. (packet.outbound == packet.from_server and " at the server" or " at the client")
  end
  packet.flow = packet.connection .. (packet.from_server and " server " or " client ") .. packet.place
  packet.schema = schema.packets[header.type]
  if packet.schema then
    packet.type = packet.schema.name
    packet.handshake = packet.schema.handshake and packet.type ~= "RESET"
  else
    packet.note = "type " .. header.type .. ", not known here"
  end
end

local function check_header(packet, header, tree, flags_item, unknown_flags, state)
  if header.magic ~= schema.magic then U.refuse(state, tree, "udpchat.bad_magic") end
  if unknown_flags > 0 then U.refuse(state, flags_item, "udpchat.unknown_flags") end
  if header.version ~= schema.version then U.remark(tree, "udpchat.unknown_version") end
  if packet.key_phase == 1 and not packet.sealed then
    U.refuse(state, flags_item, "udpchat.illegal_value", "a plaintext session has no key phase")
  end
  if not packet.schema then U.refuse(state, tree, "udpchat.unknown_type") end
end

-- Read the header at tvb[start]; returns its fields by name, or nil when it is not there.
function U.read_header(packet, tree, tvb, start, stop, state)
  local header, at = {}, start
  local flags_item, unknown_flags
  for _, row in ipairs(schema.header) do
    local item, unknown
    at, item, unknown = U.readers[row.kind](row, tree, tvb, at, stop, header, state)
    if not at then
      packet.note = state.cut and "header not captured" or "header cut short"
      return nil
    end
    if row.name == "flags" then flags_item, unknown_flags = item, unknown end
  end
  note_header(packet, header)
  check_header(packet, header, tree, flags_item, unknown_flags, state)
  return header
end

-- Whether the packet is of another version, of which only what all versions share can be read. VERSION packets can.
function U.is_foreign(tvb, start, stop)
  if stop - start < ID_AT + ID_SIZE then return false end
  local kind = schema.packets[tvb(start + TYPE_AT, 1):uint()]
  return tvb(start, 2):uint() == schema.magic and tvb(start + 2, 1):uint() ~= schema.version
    and not (kind and kind.name == "VERSION")
end

-- Read such a packet.
function U.read_foreign(packet, tree, tvb, start, stop, state)
  local header = {}
  for _, at in ipairs(FIXED_PLACES) do
    local row = fixed_rows[at]
    U.readers[row.kind](row, tree, tvb, start + at, stop, header, state)
  end
  local kind = schema.packets[header.type]
  packet.note = "version " .. header.version .. " of the protocol" .. (kind and ", " .. kind.name or "")
  U.refuse(state, tree, "udpchat.unknown_version")
  local rest = start + ID_AT + ID_SIZE
  if rest < stop then tree:add(U.fields["udpchat.undecoded"], tvb(rest, stop - rest)) end
end
end -- packet

do -- info
-- The line of a packet in the packet list.

local INFOS = {}

local function with_number(packet)
  return packet.type .. "  #" .. U.number(packet.number)
end

function INFOS.HELLO(packet)
  local cookie = packet.body.cookie
  if not cookie or cookie == "" then return "HELLO" end
  return #cookie > 20 and "HELLO with address token" or "HELLO with cookie"
end

function INFOS.COOKIE() return "COOKIE, to be sent back in HELLO" end
function INFOS.REPLY(packet) return packet.sealed and "REPLY, sealed" or "REPLY, plaintext" end
function INFOS.VERSION(packet)
  local body = packet.body
  return "VERSION, speaks " .. U.number(body.lowest) .. " to " .. U.number(body.highest)
end
function INFOS.RESET() return "RESET, the server does not know this connection" end

function INFOS.DATA(packet)
  local body = packet.body
  return with_number(packet) .. " transfer " .. U.number(body.transfer_id) .. ", " .. U.number(packet.chunk_length)
    .. " bytes at " .. U.number(body.offset)
end

function INFOS.MSG(packet)
  local line = with_number(packet) .. " channel " .. U.number(packet.body.channel)
  local summaries = {}
  for index, record in ipairs(packet.records) do
    if index <= 4 then summaries[index] = U.record_summary(record) end
  end
  if #packet.records > 4 then summaries[5] = U.number(#packet.records - 4) .. " more records" end
  if summaries[1] then return line .. ": " .. table.concat(summaries, " | ") end
  line = line .. ", " .. U.number(packet.content_length) .. " bytes at " .. U.number(packet.body.offset)
  return packet.repeats and line .. ", again" or line
end

function INFOS.ACK(packet)
  local body = packet.body
  local gaps = #body.ranges - 1
  local gap_text = gaps > 0 and (" (+%d %s)"):format(gaps, gaps == 1 and "gap" or "gaps") or ""
  return with_number(packet) .. " of " .. U.number(body.largest) .. gap_text .. ", "
    .. U.duration_text(body.ack_delay) .. " late, window " .. U.size_text(body.window)
end

function INFOS.PROBE(packet)
  return with_number(packet) .. " of a datagram of " .. U.number(packet.size) .. " bytes"
end

function INFOS.CLOSE(packet)
  local code, reason = packet.body.code, packet.body.reason
  if not code then return with_number(packet) end
  local name = U.row(packet.schema.sealed, "code").names[code] or "code " .. U.number(code)
  return with_number(packet) .. " " .. name .. (reason and reason ~= "" and ": " .. U.one_line(reason) or "")
end

-- The text of the info column: direction, what analysis says, what the packet is.
function U.info(packet)
  local line
  if not packet.type then
    line = packet.note
  elseif packet.whole then
    local info = INFOS[packet.type] or with_number
    line = info(packet)
  else
    line = packet.type .. ", " .. packet.note
  end
  if packet.prefix then line = packet.prefix .. " " .. line end
  if packet.from_server == nil then return line end
  return (packet.from_server and "\226\134\144 " or "\226\134\146 ") .. line
end
end -- info

do -- engine
-- One packet after the other: header, clear part, sealed part, trailer; then analysis; then the info column.
--
-- What other parts (analysis, statistics, reassembly, endpoint) build on:
--
-- At load, in any part:
--   U.field(filter name, kind, title, options)     declares a field, returns the ProtoField; see namespace.lua
--   U.expert(filter name, text, group, severity)   declares an expert item, returns the ProtoExpert
--   U.fields[filter name], U.experts[filter name]  what was declared; filter names are whole ("udpchat.data.offset")
--   U.proto.prefs.<name> = Pref.bool(...)          a preference of your own; read it as U.proto.prefs.<name>
--   U.on_reset(function)                           called before a capture is read (again): forget everything
-- register.lua, the last part, registers all of it.
--
-- U.analysis.on_packet(packet, tree, pinfo), if it is there and the preference "analyze" is on, is called for each
-- packet on every pass, after it was dissected and before its line is written. tree: the item of this packet.
-- Not called for packets inside ICMP errors, or when not even the header was captured. packet:
--   id            unique for the packet in the capture, the same on every pass: key what you store by this. It is the
--                 frame number, unless a frame holds several packets (captured before they were cut apart): then the
--                 second is frame + 1/65536 and so on
--   frame, index  frame number; which packet in the frame, from 1 on
--   visited       pinfo.visited: false on the first pass, the only one that may change state
--   time, rel     seconds since 1970, and since the first frame
--   interface     number of the interface in a pcapng file (0 where there is none, or where it is not known)
--   outbound      whether the machine that captured it sent it; nil where the capture does not say
--   place         where it was captured, as far as that is known: the same packet may be seen at several places
--   src, dst      "address:port" (IPv6 in brackets)
--   type          "DATA", "ACK" ...; nil when the number is not known
--   number        packet number; flags: as a number; from_server, sealed: booleans
--   connection    16 hex digits of the connection id; on handshake packets (handshake = true: HELLO, COOKIE, REPLY,
--                 VERSION) it is the attempt id instead
--   flow          connection, direction and place in one string: what a run of packet numbers belongs to
--   size          bytes of the packet on the wire, header and trailer included: the UDP payload
--   body          clear fields by name as Lua values; where a body is readable (plaintext, or opened with the key log)
--                 also its fields (CLOSE: code, reason ...). Numbers are numbers, texts and bytes are strings, ranges
--                 are arrays of { start =, stop = } in the order of the packet
--   whole         true when all clear fields were read; when false some fields of body may be missing
--   chunk_length  DATA: bytes of file in it, sealed or not; content_length: the same for MSG
--   chunk         DATA: TvbRange of them when readable, captured and not empty; valid during the call only: keep
--                 chunk:raw()
--   records       array of { name =, type =, request_id =, fields = }: records that this packet completed; name is nil
--                 when the type is not known. fields may lack some when the record is broken
--   damaged       true when a receiver drops it for what can be seen: checksum or tag known bad, malformed, illegal
--   cut           true when the capture does not hold all of it
--   prefix        nil; set it, and the line of the packet list starts with it: "[Retransmission of #790]"
-- The function may also return the prefix.

local schema = U.schema
local HEADER_SIZE, TRAILER_SIZE = schema.header_size, schema.trailer_size
local TYPE_AT, LENGTH_AT = 3, 6
local min = math.min

U.proto.prefs.analyze = Pref.bool("Analyze packet numbers", true,
  "Losses, retransmissions, round-trip times, bytes in flight")

U.field("udpchat.sealed_body", "bytes", "Sealed body", { description = "encrypted with ChaCha20" })
U.field("udpchat.packet_count", "uint32", "Packets in this datagram")
U.expert("udpchat.params.broken", "The parameters cannot be read: the client drops the packet", "PROTOCOL", "ERROR")
U.expert("udpchat.offloaded", "Several packets, captured before they were cut apart", "SEQUENCE", "CHAT")

local function check_length(packet, tree, needed, state)
  if packet.size == needed then return end
  local text = ("the header says %d bytes, the datagram has %d"):format(needed, packet.size)
  U.refuse(state, tree, packet.size < needed and "udpchat.truncated" or "udpchat.trailing", text)
end

-- Read fields that have to fill tvb[at] to tvb[stop].
local function read_all(packet, rows, tree, tvb, at, stop, state)
  at = U.read_fields(rows, tree, tvb, at, stop, packet.body, state)
  if at and at < stop then
    U.refuse(state, tree, "udpchat.trailing", U.number(stop - at) .. " bytes behind the last field")
  end
  return at
end

local function show_params(packet, tree, tvb, stop, state)
  local size = #packet.body.noise
  if size == 0 then return end
  local item = tree:add(U.fields["udpchat.params"], tvb(stop - size, size))
  packet.params = {}
  local inside = { instead = "udpchat.params.broken", cut = state.cut }
  local at = U.read_fields(schema.params, item, tvb, stop - size, stop, packet.params, inside)
  if at and at < stop then U.refuse(inside, item, "udpchat.trailing") end
end

local function read_clear(packet, tree, tvb, at, stop, state)
  local rows, read = packet.schema.clear, nil
  if packet.schema.handshake or packet.type == "ACK" then
    read = read_all(packet, rows, tree, tvb, at, stop, state)
  else
    read = U.read_fields(rows, tree, tvb, at, stop, packet.body, state)
  end
  packet.whole = read ~= nil
  if not read then
    packet.note = state.cut and "not captured" or "cut short"
    return nil
  end
  local wrong = U.wrong_in_packet(packet)
  if wrong then U.refuse(state, tree, "udpchat.illegal_value", wrong) end
  if packet.type == "REPLY" and not packet.sealed then show_params(packet, tree, tvb, read, state) end
  return read
end

-- What a MSG carries, without tvb when that cannot be read; damaged ones bring nothing to their channel.
local function show_content(packet, tree, state, tvb, at, stop)
  packet.content_start = at
  if not packet.visited and not packet.quoted and not state.damaged then
    local text = tvb and not state.cut and (stop > at and tvb(at, stop - at):raw() or "") or nil
    U.feed_channel(packet, packet.content_length, text)
  end
  U.show_channel(packet, tree, tvb)
end

-- The sealed part, in the clear: of a plaintext session, or opened. item: where its fields go.
local function read_body(packet, tree, item, tvb, at, stop, state)
  read_all(packet, packet.schema.sealed, item, tvb, at, stop, state)
  if packet.type == "DATA" and stop > at and not state.cut then packet.chunk = tvb(at, stop - at) end
  if packet.type == "MSG" then show_content(packet, tree, state, tvb, at, stop) end
end

local function open_body(packet, tree, tvb, part, state)
  local size = part.stop - part.at
  if size > 0 then tree:add(U.fields["udpchat.sealed_body"], tvb(part.at, size)) end
  local plain = not state.cut and U.open_sealed(packet, tree, tvb, part, state)
  if plain then
    read_body(packet, tree, tree:add(packet.schema.field, plain()), plain, 0, plain:len(), state)
  elseif packet.type == "MSG" then
    show_content(packet, tree, state)
  end
end

-- Clear part and sealed part, from tvb[at] on. part: see U.open_sealed; its stop is that on the wire.
local function read_parts(packet, tree, tvb, at, part, state)
  local stop = min(part.stop, tvb:captured_len())
  state.cut = part.stop > stop
  local item = stop > at and tree:add(packet.schema.field, tvb(at, stop - at)) or tree
  local clear_stop = read_clear(packet, item, tvb, at, stop, state)
  if not clear_stop then return end
  if packet.type == "DATA" then packet.chunk_length = part.stop - clear_stop end
  if packet.type == "MSG" then packet.content_length = part.stop - clear_stop end
  part.at, part.stop = clear_stop, stop
  if packet.schema.handshake then return end
  if packet.sealed then
    open_body(packet, tree, tvb, part, state)
  elseif packet.type ~= "ACK" then
    read_body(packet, tree, item, tvb, clear_stop, stop, state)
  end
end

-- All that follows a header.
local function read_rest(packet, header, tree, tvb, start, stop, state)
  local at, captured = start + HEADER_SIZE, min(stop, tvb:captured_len())
  local needed = HEADER_SIZE + header.body_length + TRAILER_SIZE
  if packet.quoted and packet.size < needed then -- an ICMP error holds the start of what it is about
    packet.size, packet.cut, stop = needed, true, start + needed
  end
  check_length(packet, tree, needed, state)
  if not packet.schema then
    if captured > at then tree:add(U.fields["udpchat.undecoded"], tvb(at, captured - at)) end
    return
  end
  local part = { start = start, stop = min(at + header.body_length, stop), trailer = start + needed - TRAILER_SIZE }
  if start + needed > captured then part.trailer = nil end
  local status = part.trailer and U.checksum_status(packet, tvb, start, part.trailer)
  if status == 0 then state.damaged = true end
  read_parts(packet, tree, tvb, at, part, state)
  if part.trailer then U.show_trailer(packet, tree, tvb, part.trailer, status) end
end

local function analyze(packet, tree, pinfo)
  if packet.quoted or not packet.flow or not U.analysis or not U.proto.prefs.analyze then return end
  local prefix = U.analysis.on_packet(packet, tree, pinfo)
  packet.prefix = packet.prefix or prefix
end

-- Dissect the packet at tvb[start] to tvb[stop]; returns its line for the packet list.
local function dissect_packet(tvb, start, stop, pinfo, root, index)
  local captured = min(stop, tvb:captured_len())
  local packet = U.new_packet(pinfo, index, stop - start)
  packet.cut = stop > captured
  local tree = root:add(U.proto, tvb(start, captured - start))
  local state = { cut = packet.cut }
  if U.is_foreign(tvb, start, captured) then
    U.read_foreign(packet, tree, tvb, start, captured, state)
  else
    local header = U.read_header(packet, tree, tvb, start, captured, state)
    if header and not (packet.visited or packet.quoted) then U.note_start(packet) end
    if header then read_rest(packet, header, tree, tvb, start, stop, state) end
  end
  if packet.cut then U.remark(tree, "udpchat.not_captured") end
  packet.damaged = state.damaged or false
  analyze(packet, tree, pinfo)
  local info = U.info(packet)
  tree:set_text("udpchat, " .. info)
  return info
end

-- Where the packet at `start` ends: at the end of the datagram, unless another packet follows it there.
local function packet_stop(tvb, start)
  local wire, have = tvb:reported_len(), tvb:captured_len()
  if start + HEADER_SIZE > have then return wire end
  local stop = start + HEADER_SIZE + tvb(start + LENGTH_AT, 2):uint() + TRAILER_SIZE
  if stop + HEADER_SIZE + TRAILER_SIZE > wire or stop + HEADER_SIZE > have then return wire end
  local follows = tvb(stop, 2):uint() == schema.magic and tvb(stop + 2, 1):uint() == schema.version
    and schema.packets[tvb(stop + TYPE_AT, 1):uint()]
  return follows and stop or wire
end

-- Dissect all packets of a datagram.
function U.dissect(tvb, pinfo, root)
  pinfo.cols.protocol = "udpchat"
  local wire, start, index, line = tvb:reported_len(), 0, 0, nil
  repeat
    local stop = packet_stop(tvb, start)
    index = index + 1
    local info = dissect_packet(tvb, start, stop, pinfo, root, index)
    line = line or info
    start = stop
  until start >= wire or start >= tvb:captured_len()
  if index > 1 then
    local tree = root:add(U.proto, tvb())
    tree:set_text(("udpchat, %d packets in one datagram"):format(index))
    U.remark(tree:add(U.fields["udpchat.packet_count"], index):set_generated(), "udpchat.offloaded")
    line = ("%s (and %d more packets)"):format(line, index - 1)
  end
  pinfo.cols.info = line
  return wire
end

-- How far the start of a datagram looks like one of ours: whether the magic fits, and whether all else does.
function U.signs(tvb)
  local have, wire = tvb:captured_len(), tvb:reported_len()
  local magic = have >= 2 and tvb(0, 2):uint() == schema.magic
  if have < HEADER_SIZE then return magic, false end
  local known = tvb(2, 1):uint() == schema.version and schema.packets[tvb(TYPE_AT, 1):uint()] ~= nil
  local needed = HEADER_SIZE + tvb(LENGTH_AT, 2):uint() + TRAILER_SIZE
  return magic, known and (needed == wire or needed < wire and packet_stop(tvb, 0) < wire)
end
end -- engine

do -- intervals
-- Runs of whole numbers [start, stop): in order, apart from one another. For packet numbers and for file bytes.

local intervals = {}
U.intervals = intervals

function intervals.new()
  return { count = 0, starts = {}, stops = {} }
end

-- Index of the last element of an ascending array that is at most `value`; 0 when there is none. New values lie at the
-- end as a rule, so that is looked at first.
local function last_at_most(array, count, value)
  if count == 0 or array[count] <= value then return count end
  local low, high = 0, count
  while high - low > 1 do
    local middle = math.floor((low + high) / 2)
    if array[middle] <= value then low = middle else high = middle end
  end
  return low
end
intervals.last_at_most = last_at_most

function intervals.contains(runs, value)
  local at = last_at_most(runs.starts, runs.count, value)
  return at > 0 and value < runs.stops[at]
end

-- Put one run in place of those from index `first` up to `last`, which are none when last < first.
local function replace(runs, first, last, start, stop)
  local starts, stops = runs.starts, runs.stops
  if last < first then
    table.insert(starts, first, start)
    table.insert(stops, first, stop)
    runs.count = runs.count + 1
    return
  end
  starts[first], stops[first] = start, stop
  local gone = last - first
  if gone == 0 then return end
  for index = last + 1, runs.count + gone do
    starts[index - gone], stops[index - gone] = starts[index], stops[index]
  end
  runs.count = runs.count - gone
end

-- Add a run. Returns what was new of it as {start, stop, start, stop, ...}, or nil when all of it was there.
function intervals.add(runs, start, stop)
  local starts, stops = runs.starts, runs.stops
  local at = last_at_most(starts, runs.count, start)
  if start >= stop or at > 0 and stop <= stops[at] then return nil end
  local first, left, reached = at + 1, start, start
  if at > 0 and stops[at] >= start then
    first, left, reached = at, starts[at], stops[at]
  end
  local fresh, following = {}, at + 1
  while following <= runs.count and starts[following] <= stop do
    if starts[following] > reached then
      fresh[#fresh + 1], fresh[#fresh + 2] = reached, starts[following]
    end
    reached = stops[following]
    following = following + 1
  end
  if reached < stop then
    fresh[#fresh + 1], fresh[#fresh + 2] = reached, stop
    reached = stop
  end
  replace(runs, first, following - 1, left, reached)
  return fresh
end
end -- intervals

do -- contents
-- Which packets carried which bytes of a file or of a channel. Content may be sent again in other cuts, so its bytes are
-- kept as pieces [start, stop) in order, apart from one another; a piece is split where a later packet begins or ends.
--
-- A piece that only one packet carried is that packet itself (it has start and stop, too). Any other piece has
--   carriers   the packets that carried it, by packet number
--   received   number of the first of them that is known to have arrived
--   explained  number of the last of them whose loss is known to have brought a retransmission
-- A packet that shares a piece with another has
--   shared     true
--   unproved   bytes of it of which no packet sent before is known to have arrived: 0 is a needless retransmission

local intervals = U.intervals

local contents = {}
U.contents = contents

function contents.new()
  return { count = 0, starts = {}, pieces = {}, high = 0 }
end

local function insert(content, index, piece)
  table.insert(content.starts, index, piece.start)
  table.insert(content.pieces, index, piece)
  content.count = content.count + 1
end

-- The piece at an index, as one that can have several carriers.
local function opened(content, index)
  local piece = content.pieces[index]
  if not piece.carriers then
    local packet = piece
    piece = { start = packet.start, stop = packet.stop, carriers = { packet } }
    content.pieces[index] = piece
  end
  local carriers = piece.carriers
  if not piece.received and not carriers[2] and carriers[1].acked then piece.received = carriers[1].number end
  return piece
end

local function split(content, at)
  local index = intervals.last_at_most(content.starts, content.count, at)
  if index == 0 or content.pieces[index].start == at or content.pieces[index].stop <= at then return end
  local head = opened(content, index)
  local tail = { start = at, stop = head.stop, carriers = {}, received = head.received, explained = head.explained }
  for place, carrier in ipairs(head.carriers) do tail.carriers[place] = carrier end
  head.stop = at
  insert(content, index + 1, tail)
end

local function share(packet)
  if not packet.shared then
    packet.shared = true
    packet.unproved = packet.stop - packet.start
  end
end

-- Add a carrier to a piece. Returns the one sent last before it, and the one sent next after it.
local function join(piece, packet)
  local carriers, size = piece.carriers, piece.stop - piece.start
  local place = #carriers
  while place > 0 and carriers[place].number > packet.number do place = place - 1 end
  table.insert(carriers, place + 1, packet)
  for _, carrier in ipairs(carriers) do share(carrier) end
  if piece.received and piece.received < packet.number then packet.unproved = packet.unproved - size end
  return carriers[place], carriers[place + 2]
end

-- Walk the bytes of a packet: `on_piece` for what others carried, a new piece for the rest.
local function lay(content, packet, on_piece)
  local at, stop = packet.start, packet.stop
  local index = math.max(1, intervals.last_at_most(content.starts, content.count, at))
  while at < stop do
    local piece = content.pieces[index]
    if piece and piece.stop <= at then
      index = index + 1
    elseif piece and piece.start <= at then
      on_piece(opened(content, index))
      at, index = piece.stop, index + 1
    else
      local hole = piece and math.min(piece.start, stop) or stop
      insert(content, index, { start = at, stop = hole, carriers = { packet } })
      at, index = hole, index + 1
    end
  end
end

-- Take in what a packet carries. Returns how many of its bytes no packet of the capture carried before, whether some of
-- those lie behind the highest one, the packet sent last before it with any of its bytes, and the one sent next after it
-- (that was captured earlier). `on_again` is called with each piece that others carried and the last packet before it
-- that did, if any.
function contents.carry(content, packet, on_again)
  if packet.start >= content.high then
    content.high = packet.stop
    content.count = content.count + 1
    content.starts[content.count], content.pieces[content.count] = packet.start, packet
    return packet.stop - packet.start, false
  end
  split(content, packet.start)
  split(content, packet.stop)
  local before, after, known = nil, nil, 0
  lay(content, packet, function(piece)
    local earlier, later = join(piece, packet)
    on_again(piece, earlier)
    if earlier and (not before or earlier.number > before.number) then before = earlier end
    if later and (not after or later.number < after.number) then after = later end
    known = known + piece.stop - piece.start
  end)
  local behind = math.min(packet.stop, content.high) - packet.start
  content.high = math.max(content.high, packet.stop)
  return packet.stop - packet.start - known, known < behind, before, after
end

-- A packet that shares pieces is known to have arrived. `on_proved` is called with each packet that is a needless
-- retransmission, now that this is known.
function contents.arrived(content, packet, on_proved)
  local index = intervals.last_at_most(content.starts, content.count, packet.start)
  while index <= content.count and content.starts[index] < packet.stop do
    local piece = opened(content, index)
    local received = piece.received
    if not received or packet.number < received then
      for _, carrier in ipairs(piece.carriers) do
        if carrier.number > packet.number and (not received or carrier.number <= received) then
          carrier.unproved = carrier.unproved - (piece.stop - piece.start)
          if carrier.unproved == 0 then on_proved(carrier) end
        end
      end
      piece.received = packet.number
    end
    index = index + 1
  end
end
end -- contents

do -- flows
-- One direction of one connection at one place of capture: packet numbers, what is in flight, what was acknowledged.
-- Only clear fields and sizes are used, so a sealed capture gives what its plaintext twin gives.
--
-- A packet of a flow is a table with frame, time [us], type, number, size [bytes], for DATA and MSG stream, start and stop,
-- and what was found out about it, which findings.lua shows:
--   duplicate_of, gap, skipped, out_of_order, late    about its number
--   retransmission, of, again_in, waited, cause, spurious, unproved   about its content
--   flight, window_full, acked, acked_in, lost_in     about its fate
--   acks_frame, ack_rtt, newly_acked, newly_acked_bytes, dup_ack, dup_ack_of, window_update, window_zero, ack_unseen
--     of an ACK: see acks.lua

local intervals, contents = U.intervals, U.contents

local MAX_JUMP = 65536        -- packet numbers; a larger step is taken for damage until a second packet confirms it
local FIRST_NUMBERS = 16      -- a flow whose first packet has such a number is taken to have begun with 0
local PACKET_THRESHOLD = 3    -- docs/protocol.md, section 7.5
local INITIAL_WINDOW = 1048576  -- bytes a peer may have in flight before its first ACK

local ELICITING = { DATA = true, MSG = true, PING = true, CHALLENGE = true, RESPONSE = true, PROBE = true }
local IN_FLIGHT = { DATA = true, MSG = true, PING = true }

-- Why content was sent again, as far as the capture shows.
local CAUSE = { NUMBERS = 1, TIME = 2, SILENCE = 3, UNSEEN = 4, NEEDLESS = 5, ASKED = 6 }

local flows = { CAUSE = CAUSE, ELICITING = ELICITING }
U.flows = flows

function flows.new()
  return {
    max = nil,                    -- largest packet number seen
    seen = {},                    -- number -> packet
    order = {}, count = 0,        -- the numbers seen, ascending
    acked = intervals.new(),      -- numbers that the other end acknowledged
    largest_acked = -1,           -- of those that must be acknowledged
    threshold = PACKET_THRESHOLD,
    examined = 0,                 -- so many elements of `order` are acknowledged or lost
    flight = 0,                   -- bytes of datagrams
    streams = {}, stream_list = {},
    totals = flows.counters(),
  }
end

function flows.counters()
  return { packets = 0, bytes = 0, retransmitted = 0, lost = 0, duplicates = 0, spurious = 0, out_of_order = 0,
    max_flight = 0, rtts = {} }
end

-- The counters that a packet counts in: of its transfer or channel, and of its flow.
function flows.count(flow, packet, name, step)
  flow.totals[name] = flow.totals[name] + step
  local stream = packet.stream
  if stream then stream.counters[name] = stream.counters[name] + step end
end

-- ---- packet numbers ------------------------------------------------------------------------------------------------

-- Whether a number may be one of this flow. A damaged one must not push the flow away from its true numbers.
local function plausible(flow, number)
  if not flow.max or math.abs(number - flow.max) <= MAX_JUMP then return true end
  local before = flow.candidate
  flow.candidate = number
  return before ~= nil and number > before and number - before <= MAX_JUMP
end

local function insert(flow, packet)
  local index = intervals.last_at_most(flow.order, flow.count, packet.number) + 1
  table.insert(flow.order, index, packet.number)
  flow.count = flow.count + 1
  if index <= flow.examined then flow.examined = flow.examined + 1 end
  packet.acked = intervals.contains(flow.acked, packet.number)
end

local function append(flow, packet)
  local order, last = flow.order, flow.count
  flow.max = packet.number
  if last > 0 and order[last] > packet.number then return insert(flow, packet) end  -- above a maximum that was damage
  flow.count = last + 1
  order[flow.count] = packet.number
end

-- Place a packet by its number. False for a duplicated datagram and for a number that cannot be one of this flow.
local function take_number(flow, packet)
  local number = packet.number
  local first = flow.seen[number]
  if first then
    packet.duplicate_of = first.frame
    packet.stream = first.stream
    flows.count(flow, packet, "duplicates", 1)
    return false
  end
  if not plausible(flow, number) then
    packet.strange = true
    return false
  end
  local max = flow.max
  if not max or number < max - MAX_JUMP then max = number <= FIRST_NUMBERS and -1 or number - 1 end
  flow.seen[number] = packet
  if number > max then
    if number > max + 1 then packet.gap = number - max - 1 end
    append(flow, packet)
  else
    packet.out_of_order = true
    insert(flow, packet)
  end
  return true
end

-- ---- loss ----------------------------------------------------------------------------------------------------------

function flows.leave(flow, packet)
  if packet.counted then
    packet.counted = nil
    flow.flight = flow.flight - packet.size
  end
end

-- All packets up to a number that are not acknowledged are lost, as `frame` shows.
function flows.lose_up_to(flow, number, frame)
  local order, seen, index = flow.order, flow.seen, flow.examined + 1
  while index <= flow.count and order[index] <= number do
    local packet = seen[order[index]]
    if not packet.acked and ELICITING[packet.type] and packet.type ~= "PROBE" then
      packet.lost_in = frame
      flows.count(flow, packet, "lost", 1)
    end
    if not packet.acked then flows.leave(flow, packet) end
    index = index + 1
  end
  flow.examined = index - 1
end

-- ---- content -------------------------------------------------------------------------------------------------------

function flows.on_proved(packet)
  if packet.cause == CAUSE.ASKED then return end
  packet.spurious = true
  packet.stream.counters.spurious = packet.stream.counters.spurious + 1
  local totals = packet.stream.flow.totals
  totals.spurious = totals.spurious + 1
end

-- The packet whose loss explains that a piece is sent again in `packet`, if any: the first that did not do so yet. Those
-- lost with it do so with it.
local function loss_behind(flow, packet, piece)
  local found
  for _, carrier in ipairs(piece.carriers) do
    local number = carrier.number
    local lost = number < packet.number and number < flow.largest_acked and not carrier.acked
    if lost and number > (piece.explained or -1) and (not found or carrier.lost_in) then
      found = found or carrier
      piece.explained = number
    end
  end
  return found
end

-- The receiver does not hold these bytes of a transfer after all (MISSING): to send them again is right.
function flows.ask_again(flow, transfer_id, ranges)
  local stream = flow.streams["DATA" .. transfer_id]
  if not stream then return end
  stream.asked = stream.asked or intervals.new()
  for _, range in ipairs(ranges) do intervals.add(stream.asked, range.start, range.stop) end
end

local function is_asked(packet)
  local asked = packet.stream.asked
  if not asked then return false end
  local at = intervals.last_at_most(asked.starts, asked.count, packet.stop - 1)
  return at > 0 and packet.start < asked.stops[at]
end

local function cause_of(packet, original, lost)
  if original.acked then return is_asked(packet) and CAUSE.ASKED or CAUSE.NEEDLESS end
  if not lost then return CAUSE.SILENCE end
  return lost.lost_in and CAUSE.NUMBERS or CAUSE.TIME
end

local function link(flow, packet, original)
  if not packet.retransmission then
    packet.retransmission = true
    flows.count(flow, packet, "retransmitted", 1)
  end
  packet.of = original
  packet.waited = math.max(0, packet.time - original.time)
end

local function stream_of(flow, kind, id)
  local key = kind .. id
  local stream = flow.streams[key]
  if not stream then
    stream = { kind = kind, id = id, flow = flow, content = contents.new(), counters = flows.counters() }
    flow.streams[key] = stream
    flow.stream_list[#flow.stream_list + 1] = stream
  end
  return stream
end

-- Take in the bytes that a packet carries, and whether others carried them.
local function take_content(flow, packet)
  local stream, lost = packet.stream, nil
  if packet.stop <= packet.start then return end
  local high = stream.content.high
  local fresh, unseen, before, after = contents.carry(stream.content, packet, function(piece, earlier)
    if earlier then earlier.again_in = earlier.again_in or packet.frame end
    lost = loss_behind(flow, packet, piece) or lost
  end)
  flows.count(flow, packet, "bytes", fresh)
  if before then
    link(flow, packet, before)
    packet.cause = cause_of(packet, before, lost)
    if packet.cause == CAUSE.TIME then flows.lose_up_to(flow, lost.number, packet.frame) end
    if packet.unproved == 0 and not packet.spurious then flows.on_proved(packet) end
  elseif unseen and high > 0 and not packet.out_of_order then
    -- Offsets ascend when bytes are sent first: these were sent before, in a packet that was not captured.
    packet.retransmission, packet.cause = true, CAUSE.UNSEEN
    flows.count(flow, packet, "retransmitted", 1)
  end
  if after and (not after.of or after.of.number < packet.number) then
    link(flow, after, packet)
    after.cause = nil  -- what the sender knew then does not show where the order was changed
    packet.again_in = packet.again_in or after.frame
  end
  if packet.acked and packet.shared then contents.arrived(stream.content, packet, flows.on_proved) end
end

-- ---- one packet that was sent --------------------------------------------------------------------------------------

local function take_flight(flow, packet)
  if IN_FLIGHT[packet.type] and not packet.acked then
    packet.counted = true
    flow.flight = flow.flight + packet.size
  end
  packet.flight = flow.flight
  local window = flow.window or (flow.order[1] <= FIRST_NUMBERS and INITIAL_WINDOW)
  if window and packet.type == "DATA" and flow.flight + packet.size > window then packet.window_full = true end
  if flow.flight > flow.totals.max_flight then flow.totals.max_flight = flow.flight end
  local counters = packet.stream and packet.stream.counters
  if counters and flow.flight > counters.max_flight then counters.max_flight = flow.flight end
end

-- Take in a packet that this flow sent. kind, id: what its bytes start to stop belong to; nil when it carries none.
-- False when it is a duplicated datagram, or none of this flow.
function flows.take(flow, packet, kind, id)
  if not take_number(flow, packet) then return false end
  if packet.out_of_order then flow.totals.out_of_order = flow.totals.out_of_order + 1 end
  flow.totals.packets = flow.totals.packets + 1
  flow.totals.first = flow.totals.first or packet.time
  flow.totals.last = packet.time
  if kind then
    local stream = stream_of(flow, kind, id)
    local counters = stream.counters
    packet.stream = stream
    counters.packets = counters.packets + 1
    counters.first = counters.first or packet.time
    counters.last = packet.time
    if packet.out_of_order then counters.out_of_order = counters.out_of_order + 1 end
    take_content(flow, packet)
  end
  if ELICITING[packet.type] then take_flight(flow, packet) end
  return true
end
end -- flows

do -- acks
-- ACKs: what they acknowledge for the first time, what they show to be lost, how long they took. See flows.lua for flows
-- and packets. An ACK gets
--   acks_frame, ack_rtt             the newest packet that it acknowledges, and the time since then [us]
--   newly_acked, newly_acked_bytes  of packets that ask for an ACK
--   dup_ack, dup_ack_of             which in a row that brings nothing new, and since when
--   window_update, window_zero, ack_unseen

local intervals, contents, flows = U.intervals, U.contents, U.flows

local MAX_THRESHOLD = 64  -- packets, docs/protocol.md, section 7.5

local function on_acked(flow, packet, ack)
  if packet.acked then return end
  packet.acked, packet.acked_in = true, ack.frame
  flows.leave(flow, packet)
  if not flows.ELICITING[packet.type] then return end
  ack.newly_acked = ack.newly_acked + 1
  ack.newly_acked_bytes = ack.newly_acked_bytes + packet.size
  if packet.lost_in then
    packet.late = true
    flows.count(flow, packet, "lost", -1)
    flow.threshold = math.min(MAX_THRESHOLD, math.max(flow.threshold, flow.largest_acked - packet.number + 2))
  end
  if packet.stream then
    packet.stream.counters.last = ack.time
    if packet.shared then contents.arrived(packet.stream.content, packet, flows.on_proved) end
  end
  if not ack.newest or packet.number > ack.newest.number then ack.newest = packet end
end

local function take_ranges(flow, ack, ranges)
  local order, seen, news = flow.order, flow.seen, false
  for _, range in ipairs(ranges) do
    -- What was not captured yet cannot be acknowledged: such an ACK is forged, or the capture is not in order.
    local fresh = intervals.add(flow.acked, range.start, math.min(range.stop, flow.max + 1))
    for place = 1, fresh and #fresh or 0, 2 do
      news = true
      local index = intervals.last_at_most(order, flow.count, fresh[place] - 1) + 1
      while index <= flow.count and order[index] < fresh[place + 1] do
        on_acked(flow, seen[order[index]], ack)
        index = index + 1
      end
    end
  end
  return news
end

local function sample(flow, ack, largest)
  local newest = ack.newest
  if not newest then return end
  ack.acks_frame = newest.frame
  if newest.number == largest and newest.number > flow.largest_acked then
    ack.ack_rtt = ack.time - newest.time
    local rtts = flow.totals.rtts
    rtts[#rtts + 1] = ack.ack_rtt
    if newest.stream then
      rtts = newest.stream.counters.rtts
      rtts[#rtts + 1] = ack.ack_rtt
    end
  end
  flow.largest_acked = math.max(flow.largest_acked, newest.number)
end

-- An ACK that acknowledges nothing new: for its window, or the same as the one before.
local function take_repeat(flow, ack, window)
  if ack.out_of_order or not flow.last_news then return end
  if flow.window ~= window then
    ack.window_update = true
  else
    flow.repeats = flow.repeats + 1
    ack.dup_ack, ack.dup_ack_of = flow.repeats, flow.last_news
  end
end

-- Take in an ACK that the other end sent. flow: whose packets it acknowledges. body: its fields.
function flows.take_ack(flow, ack, body)
  ack.newly_acked, ack.newly_acked_bytes = 0, 0
  if not flow.max then return end
  if body.largest > flow.max then ack.ack_unseen = true end
  if take_ranges(flow, ack, body.ranges) then
    sample(flow, ack, body.largest)
    flows.lose_up_to(flow, flow.largest_acked - flow.threshold, ack.frame)
    flow.last_news, flow.repeats = ack.frame, 0
  else
    take_repeat(flow, ack, body.window)
  end
  if not ack.out_of_order then flow.window = body.window end
  ack.window_zero = body.window == 0
  ack.flight = flow.flight
  ack.newest = nil
end
end -- acks

do -- findings
-- How the findings of the analysis are shown: fields, expert items, and the beginning of the line in the packet list.

local flows = U.flows
local PREFIX = "udpchat.analysis"

local findings = {}
U.findings = findings

local CAUSES = {
  [flows.CAUSE.NUMBERS] = "Packets sent later were acknowledged (packet threshold)",
  [flows.CAUSE.TIME] = "A packet sent later was acknowledged, long enough ago (time threshold)",
  [flows.CAUSE.SILENCE] = "Nothing sent later was acknowledged (probe timeout, or a chat packet once more)",
  [flows.CAUSE.UNSEEN] = "The first packet with these bytes is not in the capture",
  [flows.CAUSE.NEEDLESS] = "None: it was acknowledged before",
  [flows.CAUSE.ASKED] = "The receiver does not hold it after all (MISSING)",
}

local rows = {}  -- what is shown of a packet, in this order

-- Declare what is shown when the packet's record has `key`. expert: text, group, severity of an expert item.
local function row(key, name, kind, title, description, options)
  options = options or {}
  options.description = description
  local abbreviation = PREFIX .. "." .. name
  local each = { key = key, kind = kind, field = U.field(abbreviation, kind, title, options) }
  if options.expert then each.expert = U.expert(abbreviation .. ".expert", table.unpack(options.expert)) end
  rows[#rows + 1] = each
end

local function note(text) return { text, "SEQUENCE", "NOTE" } end
local function warning(text) return { text, "SEQUENCE", "WARN" } end
local frames = frametype

local subtree = U.field(PREFIX, "none", "Analysis of the connection")
row("duplicate_of", "duplicate_of", "framenum", "Duplicate of", "a datagram with the same packet number")
row("duplicate_of", "duplicate", "none", "Duplicated datagram", "the network delivered it twice: numbers are never reused",
  { expert = note("This datagram was seen before: the network doubled it") })
row("strange", "strange_number", "none", "Packet number far from all others", "damaged, forged, or the capture has a hole",
  { expert = warning("This packet number is far from all others: damaged or forged; it is left out of the analysis") })
row("gap", "gap", "uint32", "Packet numbers missing before this one",
  "lost, late, not captured, or left out by the sender (at most 1 in 256)",
  { expert = warning("Packet numbers are missing before this one: lost, late, not captured, or (single) left out") })
row("skipped", "skipped", "none", "The number before this one was left out",
  "on purpose, to find out a peer that acknowledges what it did not see")
row("out_of_order", "out_of_order", "none", "Packet number below one seen before", "the network changed the order",
  { expert = warning("This packet was overtaken on its way") })
row("moved_from", "moved_from", "string", "Address before", "the sender's address was another one up to here",
  { expert = note("The sender's address changed: a NAT, or another network") })
row("retransmission", "retransmission", "none", "Retransmission", "bytes that were sent before, under a new packet number",
  { expert = note("These bytes were sent before, in another packet") })
row("of_frame", "retransmission_of", "framenum", "Retransmission of", "the packet that carried the bytes last",
  { frametype = frames.RETRANS_PREV })
row("of_number", "retransmission_of_number", "uint64", "Retransmission of packet number")
row("cause", "cause", "uint8", "Cause", "why it was sent again, as far as the capture shows", { names = CAUSES })
row("waited", "rto", "relative_time", "Time since the bytes were sent last", "how long it took to send them again")
row("spurious", "spurious", "none", "Spurious retransmission",
  "a packet sent before with all these bytes was acknowledged",
  { expert = note("Needless: the bytes had arrived in a packet sent before") })
row("again_in", "retransmitted_in", "framenum", "Sent again in", "shown from the second pass on",
  { frametype = frames.RETRANS_NEXT })
row("lost_in", "lost_in", "framenum", "Lost, as seen in",
  "the ACK, or the retransmission, that shows it; shown from the second pass on")
row("late", "late", "none", "Not lost, only late", "acknowledged after all; shown from the second pass on")
row("acked_in", "acked_in", "framenum", "Acknowledged in", "shown from the second pass on", { frametype = frames.ACK })
row("acks_frame", "acks_frame", "framenum", "Acknowledges", "the newest packet that is acknowledged for the first time",
  { frametype = frames.ACK })
row("ack_rtt", "ack_rtt", "relative_time", "Time from that packet to this ACK",
  "a round trip when captured at the sender; the ACK delay is part of it")
row("newly_acked", "newly_acked", "uint32", "Packets newly acknowledged", "of those that ask for an ACK",
  { unit = "packets" })
row("newly_acked_bytes", "newly_acked_bytes", "uint32", "Bytes newly acknowledged", "of whole datagrams", { unit = "bytes" })
row("ack_unseen", "ack_unseen", "none", "ACK of a packet that is not in the capture", "not captured, or never sent",
  { expert = warning("Acknowledges a packet number that is not in the capture: not captured, or never sent") })
row("dup_ack", "duplicate_ack", "uint32", "Duplicate ACK number", "how many in a row brought nothing new",
  { expert = note("Duplicate ACK: acknowledges nothing new and leaves the window as it is") })
row("dup_ack_of", "duplicate_ack_of", "framenum", "Duplicate of ACK", "the last ACK that brought something new",
  { frametype = frames.DUP_ACK })
row("window_update", "window_update", "none", "Window update", "acknowledges nothing new, but the window changed",
  { expert = { "Window update", "SEQUENCE", "CHAT" } })
row("window_zero", "window_zero", "none", "The window is zero", "the sender of this ACK takes no more bytes",
  { expert = warning("The window is zero: the sender of this ACK takes no more bytes") })
row("flight", "bytes_in_flight", "uint32", "Bytes in flight",
  "datagrams that ask for an ACK, neither acknowledged nor lost, as the capture shows it", { unit = "bytes" })
row("window_full", "window_full", "none", "The window is full", "the peer's window has no room for one more such datagram",
  { expert = warning("The window of the peer is full: the receiver is the brake") })
row("answers", "answers", "framenum", "Answer to", "the HELLO that this answers", { frametype = frames.REQUEST })
row("initial_rtt", "initial_rtt", "relative_time", "Time from that HELLO")

local function relative_time(microseconds)
  local seconds = math.floor(microseconds / 1000000)
  return NSTime.new(seconds, (microseconds - seconds * 1000000) * 1000)
end

local function show_row(each, value, tree)
  local item
  if each.kind == "none" then
    item = tree:add(each.field)
  elseif each.kind == "relative_time" then
    item = tree:add(each.field, relative_time(value))
  elseif each.kind == "uint64" then
    item = tree:add(each.field, UInt64(value))
  else
    item = tree:add(each.field, value)
  end
  item:set_generated()
  if each.expert then item:add_proto_expert_info(each.expert) end
end

-- Show all that was found out about a packet.
function findings.show(record, tree)
  local sub = tree:add(subtree):set_generated()
  local original = record.of
  if original then
    record.of_frame = original.frame
    record.of_number = not record.handshake and original.number or nil
  end
  for _, each in ipairs(rows) do
    local value = record[each.key]
    if value then show_row(each, value, sub) end
  end
end

-- What the line of the packet begins with, or nil.
function findings.prefix(record)
  local words = {}
  local function say(condition, ...)
    if condition then words[#words + 1] = "[" .. string.format(...) .. "]" end
  end
  say(record.duplicate_of, "Duplicate of frame %d", record.duplicate_of)
  say(record.strange, "Strange number")
  say(record.gap, "%s missing before", record.gap and U.number(record.gap))
  say(record.out_of_order, "Out of order")
  say(record.moved_from, "New address")
  if record.retransmission then
    local kind = record.spurious and "Spurious retransmission" or "Retransmission"
    local of = record.of
    say(true, of and (record.handshake and "%s of frame %s" or "%s of #%s") or "%s", kind,
      of and U.number(record.handshake and of.frame or of.number))
  end
  say(record.dup_ack, "Duplicate ACK %d", record.dup_ack)
  say(record.ack_unseen, "ACK of unseen packet")
  say(record.window_update, "Window update")
  say(record.window_zero, "Zero window")
  say(record.window_full, "Window full")
  return words[1] and table.concat(words, " ") or nil
end
end -- findings

do -- analysis
-- What the packets of a connection mean to each other, as tcp.analysis.* shows it for TCP: found out on the first pass,
-- kept by packet, shown on every pass. What only later packets prove is there from the second pass on (tshark -2).

local flows, findings = U.flows, U.findings

local analysis = {}
U.analysis = analysis

local connections, attempts, results = {}, {}, {}
analysis.list = {}  -- connections in the order in which they appear, one for each place of capture

U.on_reset(function()
  connections, attempts, results = {}, {}, {}
  analysis.list = {}
end)

local interface_name = Field.new("frame.interface_name")

local function connection_of(packet)
  local key = packet.connection .. packet.place
  local connection = connections[key]
  if not connection then
    connection = { id = packet.connection, client = flows.new(), server = flows.new() }
    connections[key] = connection
    analysis.list[#analysis.list + 1] = connection
  end
  return connection
end

local function note_address(flow, packet, record)
  if flow.address == packet.src or record.out_of_order then return end
  record.moved_from = flow.address
  flow.address = packet.src
end

-- A sender leaves out single numbers. Where it was captured itself, nothing else can make such a gap.
local function note_skip(record, packet)
  if record.gap == 1 and packet.outbound then record.gap, record.skipped = nil, true end
end

-- Fields of the frame have no value on a first pass without a tree.
local function note_interface(connection)
  local name = not connection.interface and interface_name()
  if name then connection.interface = name.value end
end

local function new_record(packet)
  return { frame = packet.frame, time = math.floor(packet.time * 1000000 + 0.5), type = packet.type,
    number = packet.number, size = packet.size }
end

-- Records are read where a key is known, or none is needed.
local function note_missing(sender, packet)
  for _, read in ipairs(packet.records) do
    local fields = read.fields
    if read.name == "MISSING" and fields.ranges then flows.ask_again(sender, fields.transfer_id, fields.ranges) end
  end
end

local function take_connected(packet)
  local record = new_record(packet)
  local connection = connection_of(packet)
  record.connection = connection
  local flow, other = connection.client, connection.server
  if packet.from_server then flow, other = other, flow end
  local body, size = packet.body, packet.chunk_length or packet.content_length
  local kind, id
  if size then
    kind, id = packet.type, packet.chunk_length and body.transfer_id or body.channel
    record.start, record.stop = body.offset, body.offset + size
  end
  if flows.take(flow, record, kind, id) then
    note_address(flow, packet, record)
    note_skip(record, packet)
    if record.type == "ACK" then flows.take_ack(other, record, body) end
    note_missing(other, packet)
  end
  return record
end

-- HELLO, COOKIE, REPLY have no packet numbers: what repeats is the whole packet.
local function take_handshake(packet)
  local key = packet.connection .. packet.place
  local attempt = attempts[key] or {}
  attempts[key] = attempt
  local record = new_record(packet)
  record.handshake = true
  local content = packet.type .. (packet.body.cookie or "")
  local before = attempt[content]
  if before then
    record.retransmission, record.of, record.waited = true, before, record.time - before.time
    before.again_in = record.frame
  end
  attempt[content] = record
  local hello = attempt.hello
  if packet.type == "HELLO" then
    attempt.hello = record
  elseif hello then
    record.answers, record.initial_rtt = hello.frame, record.time - hello.time
  end
  return record
end

local function take(packet)
  if packet.damaged or not packet.whole or not packet.type or packet.type == "RESET" then return nil end
  if packet.handshake then return take_handshake(packet) end
  return take_connected(packet)
end

-- Called by the engine for each packet: see the contract there.
function analysis.on_packet(packet, tree)
  local record = results[packet.id]
  if record == nil and not packet.visited then
    record = take(packet) or false
    results[packet.id] = record
  end
  if record then
    if record.connection then note_interface(record.connection) end
    findings.show(record, tree)
    packet.prefix = findings.prefix(record)
  end
  U.reassembly.on_packet(packet, tree)
  U.endpoint.on_packet(tree)
end
end -- analysis

do -- statistics
-- Numbers per transfer and connection: `tshark -q -z udpchat,stat`, and Tools > udpchat in Wireshark.

local statistics = {}
U.statistics = statistics

local COLUMNS = {
  { "bytes", 12 }, { "packets", 8 }, { "again", 6 }, { "lost", 6 }, { "doubled", 7 }, { "needless", 8 }, { "overtaken", 9 },
  { "seconds", 9 }, { "Mbit/s", 9 }, { "RTT min", 8 }, { "median", 8 }, { "max [ms]", 8 }, { "in flight", 10 },
}
local NAME_WIDTH = 36

local KINDS = { DATA = "transfer", MSG = "channel" }

local function median(sorted)
  local half = math.floor(#sorted / 2)
  if #sorted % 2 == 1 then return sorted[half + 1] end
  return (sorted[half] + sorted[half + 1]) / 2
end

local function milliseconds(value)
  return value and string.format("%.3f", value / 1000) or "-"
end

local function line(name, cells)
  local parts = { name .. (" "):rep(NAME_WIDTH - #name) }
  for index, column in ipairs(COLUMNS) do
    parts[#parts + 1] = ("%" .. column[2] .. "s"):format(cells[index])
  end
  return table.concat(parts, " ")
end

local function counters_line(name, counters)
  local rtts = {}
  for index, rtt in ipairs(counters.rtts) do rtts[index] = rtt end
  table.sort(rtts)
  local seconds = ((counters.last or 0) - (counters.first or 0)) / 1000000
  return line(name, {
    U.number(counters.bytes), U.number(counters.packets), U.number(counters.retransmitted), U.number(counters.lost),
    U.number(counters.duplicates), U.number(counters.spurious), U.number(counters.out_of_order),
    string.format("%.3f", seconds), seconds > 0 and string.format("%.3f", counters.bytes * 8 / seconds / 1000000) or "-",
    milliseconds(rtts[1]), milliseconds(rtts[1] and median(rtts)), milliseconds(rtts[#rtts]),
    U.number(counters.max_flight),
  })
end

local function add_flow(lines, flow, arrow)
  if flow.totals.packets == 0 then return end
  for _, stream in ipairs(flow.stream_list) do
    local name = ("  %s %s %s"):format(arrow, KINDS[stream.kind], U.number(stream.id))
    lines[#lines + 1] = counters_line(name, stream.counters)
  end
  lines[#lines + 1] = counters_line(("  %s all packets"):format(arrow), flow.totals)
end

local function connection_name(connection)
  local client, server = connection.client.address or "?", connection.server.address or "?"
  local interface = connection.interface and ", interface " .. connection.interface or ""
  return ("connection %s, %s to %s%s"):format(connection.id, client, server, interface)
end

-- The table, as text.
function statistics.summary()
  local titles = {}
  for index, column in ipairs(COLUMNS) do titles[index] = column[1] end
  local lines = { line("udpchat", titles) }
  for _, connection in ipairs(U.analysis.list) do
    lines[#lines + 1] = connection_name(connection)
    add_flow(lines, connection.client, "->")
    add_flow(lines, connection.server, "<-")
  end
  lines[#lines + 1] = lines[2] and "RTT: from a packet to its ACK where they were captured; a round trip only at the sender"
    or "no packets of a connection"
  return table.concat(lines, "\n")
end

register_stat_cmd_arg("udpchat,stat", function()
  local tap = Listener.new("frame", "udpchat")
  function tap.packet() end
  function tap.reset() end
  function tap.draw() print(statistics.summary()) end
end)

if gui_enabled() then
  register_menu("udpchat/Transfer summary", function()
    local window = TextWindow.new("udpchat: transfers of this capture")
    window:set(statistics.summary())
  end, MENU_TOOLS_UNSORTED)
end
end -- statistics

do -- reassembly
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
end -- reassembly

do -- endpoint
-- What an end wrote into the comments of its own packets (udpchat --capture): why it sent them, and the state of its
-- congestion control, as fields for filters, columns and IO graphs. The words are those of udpchat/capture/comments.py.

local PREFIX = "udpchat.endpoint"

local endpoint = {}
U.endpoint = endpoint

local subtree = U.field(PREFIX, "none", "State of the end that captured this")
local numbers, texts = {}, {}  -- word of the comment -> field

local function number(word, title, unit, description)
  numbers[word] = U.field(PREFIX .. "." .. word, "uint64", title, { unit = unit, description = description })
end

local function text(word, title, description)
  texts[word] = U.field(PREFIX .. "." .. word, "string", title, { description = description })
end

text("sent", "Sent", "why: first, retransmission, probe (timeout) or copy (of a chat packet that nothing followed)")
number("again", "Repeats packet number", nil, "the packet whose content this carries once more")
number("cwnd", "Congestion window", "bytes", "bytes of datagrams that may be in flight")
number("in_flight", "Bytes in flight", "bytes", "as the sender counts them, this packet included")
number("srtt", "Smoothed round-trip time", "us", "RFC 9002 section 5.3")
text("state", "State", "of the congestion control")
number("peer_window", "Window of the peer", "bytes", "bytes that the peer takes")
text("lost", "Declared lost", "packet numbers that the sender took for lost just before")
text("refused", "Refused", "packet numbers that the system did not take: too large for the interface")
text("dropped", "Dropped", "why it does not arrive: loss, queue, mtu, blackout ...; known to a relay or a simulation")
text("corrupted", "Damaged", "yes: it arrives damaged; known to a relay or a simulation")
number("copies", "Copies", nil, "it arrives as often; known to a relay or a simulation")
U.expert(PREFIX .. ".lost.expert", "The sender took packets for lost", "SEQUENCE", "NOTE")
U.expert(PREFIX .. ".dropped.expert", "This packet does not arrive", "SEQUENCE", "WARN")
U.expert(PREFIX .. ".corrupted.expert", "This packet arrives damaged", "SEQUENCE", "WARN")

local comment = Field.new("frame.comment")

local function show(word, value, tree)
  local item
  if texts[word] then
    item = tree:add(texts[word], value)
  elseif #value <= 15 and value:find("^%d+$") then
    item = tree:add(numbers[word], UInt64(tonumber(value)))
  else
    return
  end
  item:set_generated()
  local expert = U.experts[PREFIX .. "." .. word .. ".expert"]
  if expert then item:add_proto_expert_info(expert) end
end

-- Show what the comments of this frame say; other people's comments are left alone.
function endpoint.on_packet(tree)
  local sub
  for _, each in ipairs({ comment() }) do
    for word, value in tostring(each.value):gmatch("([%w_]+)=(%S+)") do
      if numbers[word] or texts[word] then
        sub = sub or tree:add(subtree):set_generated()
        show(word, value, sub)
      end
    end
  end
end
end -- endpoint

do -- register
-- Everything is declared: make it known to Wireshark.

local udp_ports = DissectorTable.get("udp.port")
local bound

U.proto.prefs.ports = Pref.range("UDP ports", tostring(U.schema.port), "Ports of udpchat servers", 65535)

local function bind_ports()
  if bound == U.proto.prefs.ports then return end
  if bound then udp_ports:remove(bound, U.proto) end
  bound = U.proto.prefs.ports
  udp_ports:add(bound, U.proto)
end

function U.proto.prefs_changed()
  bind_ports()
end

function U.proto.init()
  for _, reset in ipairs(U.resets) do reset() end
end

function U.proto.dissector(tvb, pinfo, root)
  local magic, rest = U.signs(tvb)
  if not (magic or rest) then return 0 end
  return U.dissect(tvb, pinfo, root)
end

local function listed(declared)
  local list = {}
  for _, each in pairs(declared) do list[#list + 1] = each end
  return list
end

U.proto.fields = listed(U.fields)
U.proto.experts = listed(U.experts)
bind_ports()
udp_ports:add_for_decode_as(U.proto)

U.proto:register_heuristic("udp", function(tvb, pinfo, root)
  local magic, rest = U.signs(tvb)
  if not (magic and rest) then return false end
  U.dissect(tvb, pinfo, root)
  pinfo.conversation = U.proto
  return true
end)

set_plugin_info({ version = U.version, author = "The udpchat authors", description = "udpchat: chat and files over UDP",
  repository = "" })
end -- register
