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
