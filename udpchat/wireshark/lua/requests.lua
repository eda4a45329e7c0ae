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
