"""Grafana over an archive: data sources, dashboards and alerts as annotations, as files.

A panel is declared once, with its question in InfluxQL (of a mirror) and in SQL (of an archive in
PostgreSQL); names of measurements, tables and codes are those of the code that writes them.
"""
