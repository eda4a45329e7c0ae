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
