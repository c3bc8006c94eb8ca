// The program of ../driver_test.cc for Java: the JDBC driver.
//
// usage: Driver <port> <name> features|load
//
// What a program does in which order, and what it prints, is the same in all languages.
// ../driver_test.cc has the text.

import java.io.StringReader;
import java.io.StringWriter;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.postgresql.PGConnection;

public class Driver {
  static final String INSERT = "INSERT INTO item VALUES (?, ?, ?)";

  static String url;
  static String name;

  static Connection open() throws SQLException {
    return DriverManager.getConnection(url, "app", "secret");
  }

  static List<Object[]> rowsOf(PreparedStatement statement, Object... parameters)
      throws SQLException {
    for (int i = 0; i < parameters.length; ++i) statement.setObject(i + 1, parameters[i]);
    List<Object[]> rows = new ArrayList<>();
    if (!statement.execute()) return rows;
    try (ResultSet result = statement.getResultSet()) {
      while (result.next()) {
        Object[] row = new Object[result.getMetaData().getColumnCount()];
        for (int i = 0; i < row.length; ++i) row[i] = result.getObject(i + 1);
        rows.add(row);
      }
    }
    return rows;
  }

  static List<Object[]> run(Connection db, String sql, Object... parameters) throws SQLException {
    try (PreparedStatement statement = db.prepareStatement(sql)) {
      return rowsOf(statement, parameters);
    }
  }

  static String get(Connection db, String sql) throws SQLException {
    return run(db, sql).get(0)[0].toString();
  }

  static void batch(Connection db, String sql, Object[]... rows) throws SQLException {
    try (PreparedStatement statement = db.prepareStatement(sql)) {
      for (Object[] row : rows) {
        for (int i = 0; i < row.length; ++i) statement.setObject(i + 1, row[i]);
        statement.addBatch();
      }
      statement.executeBatch();
    }
  }

  interface Action {
    void run() throws Exception;
  }

  static String sqlstateOf(Action action) throws Exception {
    try {
      action.run();
    } catch (SQLException error) {
      return error.getSQLState();
    }
    return "none";
  }

  static void rollback(Connection db) throws SQLException {
    db.rollback();
    db.setAutoCommit(true);
  }

  static void commit(Connection db) throws SQLException {
    db.commit();
    db.setAutoCommit(true);
  }

  static void copy(Connection db) throws Exception {
    String rows =
        IntStream.range(0, 1000)
            .mapToObj(i -> name + "\t" + i + "\t" + "x".repeat(100) + "\n")
            .collect(Collectors.joining());
    var copies = db.unwrap(PGConnection.class).getCopyAPI();
    copies.copyIn("COPY copied FROM STDIN", new StringReader(rows));
    StringWriter text = new StringWriter();
    String query = "SELECT i FROM copied WHERE client = '" + name + "' ORDER BY i";
    copies.copyOut("COPY (" + query + ") TO STDOUT", text);
    int sum = Arrays.stream(text.toString().split("\n")).mapToInt(Integer::parseInt).sum();
    System.out.println("copied: " + sum);
  }

  static void cursor(Connection db) throws SQLException {
    db.setAutoCommit(false);
    int count = 0;
    int sum = 0;
    try (Statement statement = db.createStatement()) {
      statement.setFetchSize(100);
      ResultSet rows = statement.executeQuery("SELECT i FROM generate_series(1, 1000) i");
      for (; rows.next(); ++count) sum += rows.getInt(1);
    }
    commit(db);
    System.out.println("cursor: " + count + " " + sum);
  }

  static void cancelOnce(Connection db) throws Exception {
    String asleep =
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query = "
            + "'SELECT pg_sleep(100) -- ' || '" + name + "'";
    try (Connection other = open();
        Statement statement = other.createStatement()) {
      Thread thread =
          new Thread(
              () -> {
                try {
                  while (get(db, asleep).equals("0")) {}
                  statement.cancel();
                } catch (SQLException error) {
                  System.out.println(error);
                }
              });
      thread.start();
      String sqlstate = sqlstateOf(() -> statement.execute("SELECT pg_sleep(100) -- " + name));
      System.out.println("cancelled: " + sqlstate);
      thread.join();
    }
  }

  static void features(Connection db) throws Exception {
    String count = "SELECT count(*) FROM item WHERE client = '" + name + "'";
    try (Statement statement = db.createStatement()) {
      ResultSet one = statement.executeQuery("SELECT 1");
      one.next();
      System.out.println("simple: " + one.getInt(1));
    }
    Object[] values =
        run(db, "SELECT ?::int, ?::text, (?::text IS NULL)::int", 42, "it's", null).get(0);
    System.out.println("parameters: " + values[0] + " " + values[1] + " " + values[2]);
    System.out.print("prepared:");
    try (PreparedStatement prepared = db.prepareStatement("SELECT ?::int + 1")) {
      for (int i = 0; i < 8; ++i) System.out.print(" " + rowsOf(prepared, i).get(0)[0]);
    }
    System.out.println();
    db.setAutoCommit(false);
    run(db, INSERT, name, 1, "one");
    rollback(db);
    System.out.println("rolled back: " + get(db, count));
    db.setAutoCommit(false);
    run(db, INSERT, name, 1, "one");
    run(db, INSERT, name, 2, "two");
    commit(db);
    System.out.println("committed: " + get(db, count));
    System.out.println("duplicate: " + sqlstateOf(() -> run(db, INSERT, name, 1, "twice")));
    db.setAutoCommit(false);
    String failed = sqlstateOf(() -> run(db, INSERT, name, 2, "twice"));
    String then = sqlstateOf(() -> run(db, "SELECT 1"));
    rollback(db);
    System.out.println("duplicate in a transaction: " + failed + " " + then);
    batch(
        db,
        INSERT,
        IntStream.range(100, 200)
            .mapToObj(i -> new Object[] {name, i, "batch"})
            .toArray(Object[][]::new));
    System.out.println("batch: " + get(db, count));
    System.out.println(
        "duplicate in a batch: "
            + sqlstateOf(
                () -> batch(db, INSERT, new Object[] {name, 7, ""}, new Object[] {name, 1, ""})));
    copy(db);
    cursor(db);
    cancelOnce(db);
    List<Object[]> rows = run(db, "SELECT repeat('x', 1000) FROM generate_series(1, 20000)");
    int length = rows.stream().mapToInt(row -> row[0].toString().length()).sum();
    System.out.println("large: " + rows.size() + " " + length);
    System.out.println("at the end: " + get(db, "SELECT 1"));
  }

  static void insertTwo(Connection db, String insert, int first) throws SQLException {
    db.setAutoCommit(false);
    run(db, insert, name, first);
    run(db, insert, name, first + 1);
    commit(db);
  }

  static void load(Connection db) throws SQLException {
    String where = "SELECT inet_server_port()";
    String start = get(db, where);
    String insert = "INSERT INTO ledger VALUES (?, ?)";
    PreparedStatement prepared = db.prepareStatement(insert);
    int rows = 0;
    int repeated = 0;
    for (int roundsAfter = 0; roundsAfter < 20; ) {
      try (Statement statement = db.createStatement()) {
        statement.execute("INSERT INTO ledger VALUES ('" + name + "', " + rows + ")");
      }
      run(db, insert, name, rows + 1);
      rowsOf(prepared, name, rows + 2);
      batch(
          db,
          insert,
          IntStream.range(rows + 3, rows + 8)
              .mapToObj(i -> new Object[] {name, i})
              .toArray(Object[][]::new));
      rows += 8;
      while (true) {
        try {
          insertTwo(db, insert, rows);
          break;
        } catch (SQLException error) {
          if (!"40001".equals(error.getSQLState())) throw error;
          rollback(db);
          ++repeated;
        }
      }
      rows += 2;
      if (!get(db, where).equals(start)) ++roundsAfter;
    }
    System.out.println("rows " + rows + " repeated " + repeated);
  }

  public static void main(String[] arguments) throws Exception {
    url = "jdbc:postgresql://127.0.0.1:" + arguments[0] + "/postgres";
    name = arguments[1];
    try (Connection db = open()) {
      features(db);
      if (arguments[2].equals("load")) load(db);
    }
  }
}
