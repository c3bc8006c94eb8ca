#!/usr/bin/env python3
"""The program of ../driver_test.cc for Python: psycopg2, psycopg 3 and asyncpg.

usage: driver.py psycopg2|psycopg|asyncpg <port> <name> features|load

What a program does in which order, and what it prints, is the same in all languages. ../driver_test.cc
has the text.
"""

import asyncio
import importlib
import io
import sys
import threading

DRIVER, PORT, NAME, WHAT = sys.argv[1:]
LOGIN = {"host": "127.0.0.1", "port": int(PORT), "user": "app", "password": "secret"}


class Failure(Exception):
    """An error of the server, whatever class the driver has for it. Its argument is the SQLSTATE."""


class Psycopg2:
    """Parameters of psycopg2 are a part of the text. Its prepared statements are those of SQL."""

    def __init__(self):
        self.driver = importlib.import_module("psycopg2")
        self.connection = self.driver.connect(dbname="postgres", **LOGIN)
        self.connection.autocommit = True
        self.prepared = 0

    def run(self, sql, parameters=()):
        """The rows of a statement; its parameters are $1, $2 and so on."""
        for number in range(len(parameters)):
            sql = sql.replace(f"${number + 1}", "%s")
        with self.connection.cursor() as cursor:
            self.call(cursor.execute, sql, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def call(self, function, *arguments):
        try:
            return function(*arguments)
        except self.driver.Error as error:
            raise Failure(getattr(error, "pgcode", None) or repr(error)) from error

    def prepare(self, sql):
        self.prepared += 1
        name = f"p{self.prepared}"
        self.run(f"PREPARE {name} AS {sql}")
        return lambda *parameters: self.run(
            f"EXECUTE {name}(" + ", ".join(f"${i + 1}" for i in range(len(parameters))) + ")", parameters)

    def begin(self):
        self.connection.autocommit = False

    def commit(self):
        self.end(self.connection.commit)

    def rollback(self):
        self.end(self.connection.rollback)

    def end(self, function):
        self.call(function)
        self.connection.autocommit = True

    def batch(self, sql, rows):
        sql = sql.replace("$1", "%s").replace("$2", "%s").replace("$3", "%s")
        with self.connection.cursor() as cursor:
            self.call(cursor.executemany, sql, rows)

    def copy_in(self, table, rows):
        with self.connection.cursor() as cursor:
            text = io.StringIO("".join("\t".join(map(str, row)) + "\n" for row in rows))
            cursor.copy_expert(f"COPY {table} FROM STDIN", text)

    def copy_out(self, query):
        text = io.StringIO()
        with self.connection.cursor() as cursor:
            cursor.copy_expert(f"COPY ({query}) TO STDOUT", text)
        return text.getvalue()

    def cursor(self, query):
        """The rows of a query, fetched a hundred at a time in a transaction."""
        self.begin()
        with self.connection.cursor("portions") as cursor:
            cursor.itersize = 100
            cursor.execute(query)
            rows = list(cursor)
        self.commit()
        return rows

    def cancel_once(self, is_asleep, sql):
        def cancel():
            while not is_asleep():
                pass
            self.connection.cancel()

        thread = threading.Thread(target=cancel)
        thread.start()
        try:
            self.run(sql)
        finally:
            thread.join()


class Psycopg(Psycopg2):
    """psycopg 3 prepares what it has executed some times, and sends batches as pipelines."""

    def __init__(self):
        self.driver = importlib.import_module("psycopg")
        self.connection = self.driver.connect(dbname="postgres", autocommit=True, **LOGIN)

    def call(self, function, *arguments):
        try:
            return function(*arguments)
        except self.driver.Error as error:
            raise Failure(error.sqlstate or repr(error)) from error

    def prepare(self, sql):
        sql = sql.replace("$1", "%s").replace("$2", "%s")

        def execute(*parameters):
            cursor = self.call(lambda: self.connection.execute(sql, parameters, prepare=True))
            return cursor.fetchall() if cursor.description else []

        return execute

    def copy_in(self, table, rows):
        with self.connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    def copy_out(self, query):
        with self.connection.cursor().copy(f"COPY ({query}) TO STDOUT") as copy:
            return "".join(bytes(data).decode() for data in copy)


class Asyncpg:
    def __init__(self):
        self.driver = importlib.import_module("asyncpg")
        self.loop = asyncio.new_event_loop()
        self.connection = self.await_(self.driver.connect(database="postgres", **LOGIN))
        self.transaction = None

    def await_(self, coroutine):
        try:
            return self.loop.run_until_complete(coroutine)
        except self.driver.PostgresError as error:
            raise Failure(error.sqlstate) from error

    def run(self, sql, parameters=()):
        if not parameters and not sql.startswith("SELECT"):
            return self.await_(self.connection.execute(sql))
        return [tuple(row) for row in self.await_(self.connection.fetch(sql, *parameters))]

    def prepare(self, sql):
        statement = self.await_(self.connection.prepare(sql))
        return lambda *parameters: self.await_(statement.fetch(*parameters))

    def begin(self):
        self.transaction = self.connection.transaction()
        self.await_(self.transaction.start())

    def commit(self):
        self.await_(self.transaction.commit())

    def rollback(self):
        # A transaction of asyncpg whose COMMIT failed refuses to be rolled back.
        if self.connection.is_in_transaction():
            self.await_(self.transaction.rollback())

    def batch(self, sql, rows):
        self.await_(self.connection.executemany(sql, rows))

    def copy_in(self, table, rows):
        self.await_(self.connection.copy_records_to_table(table, records=rows))

    def copy_out(self, query):
        text = io.BytesIO()
        self.await_(self.connection.copy_from_query(query, output=text))
        return text.getvalue().decode()

    def cursor(self, query):
        async def fetch():
            async with self.connection.transaction():
                return [row async for row in self.connection.cursor(query, prefetch=100)]

        return self.await_(fetch())

    def cancel_once(self, is_asleep, sql):
        async def cancel():
            task = asyncio.ensure_future(self.connection.execute(sql))
            while not await self.loop.run_in_executor(None, is_asleep):
                pass
            task.cancel()
            await task

        try:
            self.await_(cancel())
        except asyncio.CancelledError as error:
            # asyncpg sends the CancelRequest only while its loop runs, and the next statement waits
            # for the end of the one before. asyncpg keeps the error of the server for itself.
            self.run("SELECT 1")
            raise Failure("57014") from error


def sqlstate_of(function, *arguments):
    try:
        function(*arguments)
    except Failure as failure:
        return failure.args[0]
    return "none"


def features(open_connection):
    db = open_connection()
    insert = "INSERT INTO item VALUES ($1, $2, $3)"
    count = f"SELECT count(*)::int FROM item WHERE client = '{NAME}'"
    print("simple:", db.run("SELECT 1")[0][0])
    print("parameters:", *db.run("SELECT $1::int, $2::text, ($3::text IS NULL)::int", (42, "it's", None))[0])
    prepared = db.prepare("SELECT $1::int + 1")
    print("prepared:", *(prepared(i)[0][0] for i in range(8)))
    db.begin()
    db.run(insert, (NAME, 1, "one"))
    db.rollback()
    print("rolled back:", db.run(count)[0][0])
    db.begin()
    db.run(insert, (NAME, 1, "one"))
    db.run(insert, (NAME, 2, "two"))
    db.commit()
    print("committed:", db.run(count)[0][0])
    print("duplicate:", sqlstate_of(db.run, insert, (NAME, 1, "twice")))
    db.begin()
    failed = sqlstate_of(db.run, insert, (NAME, 2, "twice"))
    then = sqlstate_of(db.run, "SELECT 1")
    db.rollback()
    print("duplicate in a transaction:", failed, then)
    db.batch(insert, [(NAME, i, "batch") for i in range(100, 200)])
    print("batch:", db.run(count)[0][0])
    print("duplicate in a batch:", sqlstate_of(db.batch, insert, [(NAME, 7, ""), (NAME, 1, "")]))
    db.copy_in("copied", [(NAME, i, "x" * 100) for i in range(1000)])
    text = db.copy_out(f"SELECT i FROM copied WHERE client = '{NAME}' ORDER BY i")
    print("copied:", sum(map(int, text.split())))
    rows = db.cursor("SELECT i FROM generate_series(1, 1000) i")
    print("cursor:", len(rows), sum(row[0] for row in rows))
    other = open_connection()
    asleep = ("SELECT count(*)::int FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query = "
              f"'SELECT pg_sleep(100) -- ' || '{NAME}'")
    sleep = f"SELECT pg_sleep(100) -- {NAME}"
    print("cancelled:", sqlstate_of(other.cancel_once, lambda: db.run(asleep)[0][0], sleep))
    rows = db.run("SELECT repeat('x', 1000) FROM generate_series(1, 20000)")
    print("large:", len(rows), sum(len(row[0]) for row in rows))
    print("at the end:", db.run("SELECT 1")[0][0])
    return db


def add_prepared(db, prepared, row):
    """Adds a row. EXECUTE may commit inside, so the proxy tells that its outcome is unknown if the
    server ends in the middle of it. Then the program looks whether the row is there."""
    try:
        prepared(NAME, row)
    except Failure as failure:
        if failure.args[0] != "08007" or not isinstance(db, Psycopg2):
            raise
        if not db.run(f"SELECT 1 FROM ledger WHERE client = '{NAME}' AND i = {row}"):
            prepared(NAME, row)


def load(db):
    where = "SELECT inet_server_port()"
    start = db.run(where)[0][0]
    insert = "INSERT INTO ledger VALUES ($1, $2)"
    prepared = db.prepare(insert)
    rows = repeated = rounds_after = 0
    while rounds_after < 20:
        db.run(f"INSERT INTO ledger VALUES ('{NAME}', {rows})")
        db.run(insert, (NAME, rows + 1))
        add_prepared(db, prepared, rows + 2)
        db.batch(insert, [(NAME, i) for i in range(rows + 3, rows + 8)])
        rows += 8
        while True:
            try:
                db.begin()
                db.run(insert, (NAME, rows))
                db.run(insert, (NAME, rows + 1))
                db.commit()
                break
            except Failure as failure:
                if failure.args[0] != "40001":
                    raise
                db.rollback()
                repeated += 1
        rows += 2
        rounds_after += db.run(where)[0][0] != start
    print(f"rows {rows} repeated {repeated}")


connection = features({"psycopg2": Psycopg2, "psycopg": Psycopg, "asyncpg": Asyncpg}[DRIVER])
sys.stdout.flush()
if WHAT == "load":
    load(connection)
