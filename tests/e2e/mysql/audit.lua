-- A sysbench script: each thread inserts rows of its own, one by one, and records what it was told.
--
-- Each thread has a file in --audit_folder, with a line per row: when the thread asked, when it was
-- answered (both in ms of the wall clock), the row, and "ok" or the number of the error. A thread that
-- loses its connection makes a new one.

local ffi = require("ffi")

ffi.cdef [[
typedef struct { long seconds; long nanoseconds; } audit_time;
int clock_gettime(int clock, audit_time *time);
int poll(void *files, unsigned long count, int milliseconds);
]]

sysbench.cmdline.options = {
   audit_folder = {"Where the records go", "."},
   audit_first_row = {"The first row of the first thread", 0},
}

local ROWS_PER_THREAD = 10000000
local NO_CONNECTION = 2003
local CONNECTION_ERRORS = {[2002] = true, [2003] = true, [2006] = true, [2013] = true}

local time = ffi.new("audit_time")

local function now_ms()
   ffi.C.clock_gettime(0, time)
   return tonumber(time.seconds) * 1000 + tonumber(time.nanoseconds) / 1000000
end

function thread_init()
   driver = sysbench.sql.driver()
   record = io.open(string.format("%s/%d", sysbench.opt.audit_folder, sysbench.tid), "w")
   row = sysbench.opt.audit_first_row + sysbench.tid * ROWS_PER_THREAD
end

-- False: the thread could not connect, which counts as an error of this row.
local function connect_anew()
   local ok, made = pcall(driver.connect, driver)
   connection = ok and made or nil
   if not ok then ffi.C.poll(nil, 0, 20) end
   return ok
end

-- Records what the client was told of the row.
local function insert(row)
   if connection == nil and not connect_anew() then return tostring(NO_CONNECTION) end
   if pcall(connection.query, connection,
            string.format("INSERT INTO audit (row_id) VALUES (%d)", row)) then
      return "ok"
   end
   local number = tonumber(connection.sql_errno)
   if CONNECTION_ERRORS[number] then
      pcall(connection.disconnect, connection)
      connection = nil
   end
   return tostring(number)
end

function event()
   row = row + 1
   local began = now_ms()
   local outcome = insert(row)
   record:write(string.format("%.1f %.1f %d %s\n", began, now_ms(), row, outcome))
end

function thread_done()
   record:close()
   if connection ~= nil then connection:disconnect() end
end
