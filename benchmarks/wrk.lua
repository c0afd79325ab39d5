-- wrk's script: POST the rows of the file ROWS one after the other, count the answers by status, print figures as JSON.
local rows, threads = {}, {}
for line in io.lines(os.getenv("ROWS")) do rows[#rows + 1] = line end

function setup(thread) table.insert(threads, thread) end

function init(args)
  math.randomseed(1)
  at, answered, refused, failed = math.random(#rows), 0, 0, 0
  wrk.method, wrk.headers["content-type"] = "POST", "application/json"
end

function request()
  at = at % #rows + 1
  return wrk.format(nil, nil, nil, rows[at])
end

function response(status)
  if status == 200 then answered = answered + 1 elseif status == 429 then refused = refused + 1 else failed = failed + 1 end
end

function done(summary, latency, requests)
  local sums = { answered = 0, refused = 0, failed = 0 }
  for _, thread in ipairs(threads) do
    for name in pairs(sums) do sums[name] = sums[name] + thread:get(name) end
  end
  local e = summary.errors
  print(string.format(
    '\nFIGURES {"seconds": %.3f, "answered": %d, "refused": %d, "failed": %d, "socket_errors": %d, "timeouts": %d, "p50_ms": %.2f, "p99_ms": %.2f, "max_ms": %.1f}',
    summary.duration / 1e6, sums.answered, sums.refused, sums.failed, e.connect + e.read + e.write, e.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency.max / 1000))
end
