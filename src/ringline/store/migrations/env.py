"""Alembic's entry: runs on the connection that `store.migrate` puts into the configuration."""

from alembic import context

from ringline.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # DDL is transactional on both engines once BEGIN is ours: a killed migration leaves the old schema.
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
