// The program of ../driver_test.cc for Go: lib/pq and pgx.
//
// usage: driver pq|pgx <port> <name> features|load
//
// What a program does in which order, and what it prints, is the same in all languages.
// ../driver_test.cc has the text.
package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgx/v4"
	"github.com/lib/pq"
)

var (
	name       = os.Args[3]
	background = context.Background()
)

type row = []interface{}

// What a driver is asked for. Parameters are $1, $2 and so on.
type database interface {
	run(sql string, parameters ...interface{}) ([]row, error)
	prepare(sql string) (execute func(parameters ...interface{}) ([]row, error))
	begin() error
	commit() error
	rollback() error
	batch(sql string, rows []row) error
	copyIn(table string, columns []string, rows []row) error
	copyOut(query string) (string, bool) // false: the driver has none
	cancelOnce(isAsleep func() bool, sql string) error
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stdout, "failed:", sqlstateOf(err), err)
		os.Exit(1)
	}
}

func sqlstateOf(err error) string {
	var pqError *pq.Error
	var pgError *pgconn.PgError
	switch {
	case err == nil:
		return "none"
	case errors.As(err, &pqError):
		return string(pqError.Code)
	case errors.As(err, &pgError):
		return pgError.Code
	}
	return err.Error()
}

// --- lib/pq --------------------------------------------------------------------------------------

type pqDatabase struct {
	connection  *sql.Conn
	transaction *sql.Tx
}

func openPq() database {
	pool, err := sql.Open("postgres", "host=127.0.0.1 port="+os.Args[2]+
		" user=app password=secret dbname=postgres sslmode=disable")
	check(err)
	connection, err := pool.Conn(background)
	check(err)
	return &pqDatabase{connection: connection}
}

func allOf(rows *sql.Rows, err error) ([]row, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	check(err)
	var all []row
	for rows.Next() {
		values := make(row, len(columns))
		for i := range values {
			values[i] = new(interface{})
		}
		if err := rows.Scan(values...); err != nil {
			return nil, err
		}
		for i := range values {
			values[i] = *values[i].(*interface{})
		}
		all = append(all, values)
	}
	return all, rows.Err()
}

func (db *pqDatabase) run(sql string, parameters ...interface{}) ([]row, error) {
	if db.transaction != nil {
		return allOf(db.transaction.QueryContext(background, sql, parameters...))
	}
	return allOf(db.connection.QueryContext(background, sql, parameters...))
}

func (db *pqDatabase) prepare(sql string) func(...interface{}) ([]row, error) {
	statement, err := db.connection.PrepareContext(background, sql)
	check(err)
	return func(parameters ...interface{}) ([]row, error) {
		return allOf(statement.QueryContext(background, parameters...))
	}
}

func (db *pqDatabase) begin() (err error) {
	db.transaction, err = db.connection.BeginTx(background, nil)
	return err
}

func (db *pqDatabase) commit() error {
	transaction := db.transaction
	db.transaction = nil
	return transaction.Commit()
}

func (db *pqDatabase) rollback() error {
	if db.transaction == nil {
		return nil
	}
	transaction := db.transaction
	db.transaction = nil
	return transaction.Rollback()
}

func (db *pqDatabase) batch(sql string, rows []row) error {
	for _, row := range rows {
		if _, err := db.connection.ExecContext(background, sql, row...); err != nil {
			return err
		}
	}
	return nil
}

func (db *pqDatabase) copyIn(table string, columns []string, rows []row) error {
	check(db.begin())
	statement, err := db.transaction.PrepareContext(background, pq.CopyIn(table, columns...))
	check(err)
	for _, row := range rows {
		_, err = statement.ExecContext(background, row...)
		check(err)
	}
	_, err = statement.ExecContext(background)
	check(err)
	check(statement.Close())
	return db.commit()
}

func (db *pqDatabase) copyOut(string) (string, bool) { return "", false }

func (db *pqDatabase) cancelOnce(isAsleep func() bool, sql string) error {
	limited, cancel := context.WithCancel(background)
	go func() {
		for !isAsleep() {
		}
		cancel()
	}()
	_, err := db.connection.ExecContext(limited, sql)
	return err
}

// --- pgx -----------------------------------------------------------------------------------------

type pgxDatabase struct {
	connection  *pgx.Conn
	transaction pgx.Tx
}

func openPgx() database {
	connection, err := pgx.Connect(background, "host=127.0.0.1 port="+os.Args[2]+
		" user=app password=secret dbname=postgres sslmode=disable")
	check(err)
	return &pgxDatabase{connection: connection}
}

func (db *pgxDatabase) run(sql string, parameters ...interface{}) ([]row, error) {
	rows, err := db.connection.Query(background, sql, parameters...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []row
	for rows.Next() {
		values, err := rows.Values()
		check(err)
		all = append(all, values)
	}
	return all, rows.Err()
}

func (db *pgxDatabase) prepare(sql string) func(...interface{}) ([]row, error) {
	_, err := db.connection.Prepare(background, "p "+sql, sql)
	check(err)
	return func(parameters ...interface{}) ([]row, error) { return db.run("p "+sql, parameters...) }
}

func (db *pgxDatabase) begin() (err error) {
	db.transaction, err = db.connection.Begin(background)
	return err
}

func (db *pgxDatabase) commit() error   { return db.transaction.Commit(background) }
func (db *pgxDatabase) rollback() error { return db.transaction.Rollback(background) }

func (db *pgxDatabase) batch(sql string, rows []row) error {
	batch := &pgx.Batch{}
	for _, row := range rows {
		batch.Queue(sql, row...)
	}
	results := db.connection.SendBatch(background, batch)
	for range rows {
		if _, err := results.Exec(); err != nil {
			results.Close()
			return err
		}
	}
	return results.Close()
}

func (db *pgxDatabase) copyIn(table string, columns []string, rows []row) error {
	_, err := db.connection.CopyFrom(
		background, pgx.Identifier{table}, columns, pgx.CopyFromRows(rows))
	return err
}

func (db *pgxDatabase) copyOut(query string) (string, bool) {
	var text bytes.Buffer
	_, err := db.connection.PgConn().CopyTo(background, &text, "COPY ("+query+") TO STDOUT")
	check(err)
	return text.String(), true
}

func (db *pgxDatabase) cancelOnce(isAsleep func() bool, sql string) error {
	go func() {
		for !isAsleep() {
		}
		check(db.connection.PgConn().CancelRequest(background))
	}()
	_, err := db.connection.Exec(background, sql)
	return err
}

// --- What all programs do ------------------------------------------------------------------------

func number(value interface{}) int {
	result, err := strconv.Atoi(fmt.Sprint(value))
	check(err)
	return result
}

func get(db database, sql string, parameters ...interface{}) row {
	rows, err := db.run(sql, parameters...)
	check(err)
	return rows[0]
}

func errorOf(_ []row, err error) error { return err }

func cursor(db database, query string) (count, sum int) {
	check(db.begin())
	check(errorOf(db.run("DECLARE portions CURSOR FOR " + query)))
	for {
		rows, err := db.run("FETCH 100 FROM portions")
		check(err)
		if len(rows) == 0 {
			break
		}
		for _, row := range rows {
			count++
			sum += number(row[0])
		}
	}
	check(db.commit())
	return count, sum
}

func features(open func() database) database {
	db := open()
	insert := "INSERT INTO item VALUES ($1, $2, $3)"
	count := "SELECT count(*)::int FROM item WHERE client = '" + name + "'"
	fmt.Println("simple:", get(db, "SELECT 1")[0])
	values := get(db, "SELECT $1::int, $2::text, ($3::text IS NULL)::int", 42, "it's", nil)
	fmt.Println("parameters:", values[0], values[1], values[2])
	execute := db.prepare("SELECT $1::int + 1")
	fmt.Print("prepared:")
	for i := 0; i < 8; i++ {
		rows, err := execute(i)
		check(err)
		fmt.Print(" ", rows[0][0])
	}
	fmt.Println()
	check(db.begin())
	check(errorOf(db.run(insert, name, 1, "one")))
	check(db.rollback())
	fmt.Println("rolled back:", get(db, count)[0])
	check(db.begin())
	check(errorOf(db.run(insert, name, 1, "one")))
	check(errorOf(db.run(insert, name, 2, "two")))
	check(db.commit())
	fmt.Println("committed:", get(db, count)[0])
	fmt.Println("duplicate:", sqlstateOf(errorOf(db.run(insert, name, 1, "twice"))))
	check(db.begin())
	failed := sqlstateOf(errorOf(db.run(insert, name, 2, "twice")))
	then := sqlstateOf(errorOf(db.run("SELECT 1")))
	check(db.rollback())
	fmt.Println("duplicate in a transaction:", failed, then)
	var rows []row
	for i := 100; i < 200; i++ {
		rows = append(rows, row{name, i, "batch"})
	}
	check(db.batch(insert, rows))
	fmt.Println("batch:", get(db, count)[0])
	fmt.Println("duplicate in a batch:",
		sqlstateOf(db.batch(insert, []row{{name, 7, ""}, {name, 1, ""}})))
	rows = nil
	for i := 0; i < 1000; i++ {
		rows = append(rows, row{name, i, strings.Repeat("x", 100)})
	}
	check(db.copyIn("copied", []string{"client", "i", "s"}, rows))
	selection := "SELECT i FROM copied WHERE client = '" + name + "' ORDER BY i"
	text, has := db.copyOut(selection)
	if !has {
		all, err := db.run(selection)
		check(err)
		for _, row := range all {
			text += fmt.Sprintln(row[0])
		}
	}
	sum := 0
	for _, word := range strings.Fields(text) {
		sum += number(word)
	}
	fmt.Println("copied:", sum)
	rowCount, sum := cursor(db, "SELECT i FROM generate_series(1, 1000) i")
	fmt.Println("cursor:", rowCount, sum)
	other := open()
	asleep := "SELECT count(*)::int FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query = " +
		"'SELECT pg_sleep(100) -- ' || '" + name + "'"
	isAsleep := func() bool { return number(get(db, asleep)[0]) > 0 }
	fmt.Println("cancelled:", sqlstateOf(other.cancelOnce(isAsleep, "SELECT pg_sleep(100) -- "+name)))
	all, err := db.run("SELECT repeat('x', 1000) FROM generate_series(1, 20000)")
	check(err)
	length := 0
	for _, row := range all {
		length += len(fmt.Sprintf("%s", row[0]))
	}
	fmt.Println("large:", len(all), length)
	fmt.Println("at the end:", get(db, "SELECT 1")[0])
	return db
}

func insertTwo(db database, insert string, first int) error {
	if err := db.begin(); err != nil {
		return err
	}
	for i := first; i < first+2; i++ {
		if err := errorOf(db.run(insert, name, i)); err != nil {
			return err
		}
	}
	return db.commit()
}

func load(db database) {
	where := "SELECT inet_server_port()"
	start := number(get(db, where)[0])
	insert := "INSERT INTO ledger VALUES ($1, $2)"
	execute := db.prepare(insert)
	rows, repeated := 0, 0
	for roundsAfter := 0; roundsAfter < 20; {
		check(errorOf(db.run(fmt.Sprintf("INSERT INTO ledger VALUES ('%s', %d)", name, rows))))
		check(errorOf(db.run(insert, name, rows+1)))
		check(errorOf(execute(name, rows+2)))
		var batch []row
		for i := rows + 3; i < rows+8; i++ {
			batch = append(batch, row{name, i})
		}
		check(db.batch(insert, batch))
		rows += 8
		for {
			err := insertTwo(db, insert, rows)
			if err == nil {
				break
			}
			if sqlstateOf(err) != "40001" {
				check(err)
			}
			repeated++
			if err := db.rollback(); err != nil && !errors.Is(err, pgx.ErrTxClosed) {
				check(err)
			}
		}
		rows += 2
		if number(get(db, where)[0]) != start {
			roundsAfter++
		}
	}
	fmt.Println("rows", rows, "repeated", repeated)
}

func main() {
	open := openPq
	if os.Args[1] == "pgx" {
		open = openPgx
	}
	db := features(open)
	if os.Args[4] == "load" {
		load(db)
	}
}
