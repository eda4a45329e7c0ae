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
