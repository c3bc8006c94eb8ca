#!/usr/bin/python3
"""Logs in with PyMySQL: auth_client.py PORT USER PASSWORD [CA]. With a CA, through TLS."""

import sys

import pymysql


def main():
    port, user, password = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    ca = sys.argv[4] if len(sys.argv) > 4 else ""
    tls = {"ssl_ca": ca, "ssl_verify_cert": True} if ca else {}
    try:
        connection = pymysql.connect(
            host="localhost" if ca else "127.0.0.1",
            port=port,
            user=user,
            password=password,
            **tls,
        )
        with connection.cursor() as cursor:
            cursor.execute("SELECT 'it works'")
            print(cursor.fetchone()[0])
    except pymysql.err.MySQLError as error:
        print(*error.args)
        sys.exit(1)


if __name__ == "__main__":
    main()
