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
