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
