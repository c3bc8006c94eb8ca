-- A sysbench script: each thread inserts rows of its own, one by one, and records what it was told.
-- With --audit_transactions=on there are two rows in each transaction, and --audit_think=<ms> makes the
-- client wait between the two.
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
   audit_transactions = {"Whether two rows are inserted in one transaction", false},
   audit_think = {"How long a transaction rests between its rows, in ms", 0},
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

-- Executes one statement after the other. Returns what the client was told: "ok", or the number of the
-- first error.
local function execute(statements)
   if connection == nil and not connect_anew() then return tostring(NO_CONNECTION) end
   for i, statement in ipairs(statements) do
      if i == 3 and sysbench.opt.audit_think > 0 then ffi.C.poll(nil, 0, sysbench.opt.audit_think) end
      if not pcall(connection.query, connection, statement) then
         local number = tonumber(connection.sql_errno)
         if CONNECTION_ERRORS[number] then
            pcall(connection.disconnect, connection)
            connection = nil
         elseif #statements > 1 then
            pcall(connection.query, connection, "ROLLBACK")
         end
         return tostring(number)
      end
   end
   return "ok"
end

local function insert(row)
   return string.format("INSERT INTO audit (row_id) VALUES (%d)", row)
end

function event()
   local rows = {row + 1}
   local statements = {insert(row + 1)}
   if sysbench.opt.audit_transactions then
      rows = {row + 1, row + 2}
      statements = {"BEGIN", insert(row + 1), insert(row + 2), "COMMIT"}
   end
   row = row + #rows
   local began = now_ms()
   local outcome = execute(statements)
   local ended = now_ms()
   for _, written in ipairs(rows) do
      record:write(string.format("%.1f %.1f %d %s\n", began, ended, written, outcome))
   end
end

function thread_done()
   record:close()
   if connection ~= nil then connection:disconnect() end
end
