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
