"""Drafts, members, proposals and what is said to them."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


TRIGGERS = {
    "values_valuesetversion": ("values_version_stays", "values_version_remains"),
    "values_value": ("values_value_joins_draft", "values_value_stays", "values_value_remains"),
}


def drop_triggers(apps, schema_editor):
    """Before this, nothing looked after them, and the tables had other names."""
    for table, triggers in TRIGGERS.items():
        on = f" ON {table}" if schema_editor.connection.vendor == "postgresql" else ""
        for trigger in triggers:
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {trigger}{on}")


class Migration(migrations.Migration):

    dependencies = [
        ('values', '0002_target_rankings_of_a_study'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Proposal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('change', models.CharField(choices=[('add', 'Add'), ('reword', 'Reword'), ('regroup', 'Regroup'), ('drop', 'Drop')], max_length=10)),
                ('key', models.SlugField(help_text='Of the value that is to be added, reworded, regrouped or dropped.')),
                ('name', models.CharField(blank=True, max_length=100)),
                ('definition', models.TextField(blank=True)),
                ('group', models.CharField(blank=True, max_length=50)),
                ('reason', models.TextField()),
                ('state', models.CharField(choices=[('open', 'Open'), ('accepted', 'Accepted'), ('declined', 'Declined'), ('withdrawn', 'Withdrawn')], default='open', max_length=10)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('decided_at', models.DateTimeField(null=True)),
                ('decision_reason', models.TextField(blank=True)),
            ],
            options={
                'ordering': ['-pk'],
            },
        ),
        migrations.CreateModel(
            name='DraftRevision',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField(help_text='The edition of the version that this wrote.')),
                ('content', models.JSONField(help_text='Description, licence, pairing and values, as the long form of a file says them.')),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('reason', models.CharField(blank=True, max_length=500)),
            ],
            options={
                'ordering': ['version', 'number'],
            },
        ),
        migrations.CreateModel(
            name='SetMembership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('steward', 'Steward'), ('member', 'Member'), ('reader', 'Reader')], max_length=10)),
                ('answer', models.CharField(blank=True, help_text='Empty: they would rather not say.', max_length=100)),
            ],
        ),
        migrations.CreateModel(
            name='Voice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('stance', models.CharField(choices=[('support', 'Support'), ('object', 'Object'), ('comment', 'Comment')], max_length=10)),
                ('words', models.TextField(blank=True)),
                ('at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'ordering': ['pk'],
            },
        ),
        migrations.AddField(
            model_name='targetranking',
            name='created_by',
            field=models.ForeignKey(blank=True, help_text='Empty: a campaign found it.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='valueset',
            name='public',
            field=models.BooleanField(default=False, help_text='Whoever has the address reads published versions, without an account.'),
        ),
        migrations.AddField(
            model_name='valueset',
            name='question',
            field=models.CharField(blank=True, help_text='What members may say of themselves, if they like: ward, age band, faith.', max_length=200),
        ),
        migrations.AddField(
            model_name='valueset',
            name='question_answers',
            field=models.JSONField(blank=True, default=list, help_text='The answers that can be chosen, in order.'),
        ),
        migrations.AddField(
            model_name='valuesetversion',
            name='edition',
            field=models.PositiveIntegerField(default=1, help_text='Counts what was written into the draft, so that of two people who write at once one is told.'),
        ),
        migrations.AddField(
            model_name='valuesetversion',
            name='published_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='valuesetversion',
            name='published_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AlterField(
            model_name='valuesetversion',
            name='digest',
            field=models.CharField(blank=True, help_text='SHA-256 of pairing, keys, names, definitions, groups and tiers. Empty while it is a draft.', max_length=64),
        ),
        migrations.AddConstraint(
            model_name='valuesetversion',
            constraint=models.UniqueConstraint(condition=models.Q(('status', 'draft')), fields=('value_set',), name='one_draft_per_value_set'),
        ),
        migrations.AddField(
            model_name='proposal',
            name='author',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='proposal',
            name='decided_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='proposal',
            name='version',
            field=models.ForeignKey(help_text='The newest one when it was made.', on_delete=django.db.models.deletion.PROTECT, related_name='proposals', to='values.valuesetversion'),
        ),
        migrations.AddField(
            model_name='draftrevision',
            name='by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='draftrevision',
            name='proposal',
            field=models.ForeignKey(blank=True, help_text='The one it carried out.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='values.proposal'),
        ),
        migrations.AddField(
            model_name='draftrevision',
            name='version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='revisions', to='values.valuesetversion'),
        ),
        migrations.AddField(
            model_name='setmembership',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='set_memberships', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='setmembership',
            name='value_set',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='values.valueset'),
        ),
        migrations.AddField(
            model_name='valueset',
            name='members',
            field=models.ManyToManyField(related_name='value_sets', through='values.SetMembership', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='voice',
            name='proposal',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='voices', to='values.proposal'),
        ),
        migrations.AddField(
            model_name='voice',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='proposal',
            constraint=models.CheckConstraint(condition=models.Q(('change__in', ['add', 'reword', 'regroup', 'drop'])), name='change_known'),
        ),
        migrations.AddConstraint(
            model_name='proposal',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['open', 'accepted', 'declined', 'withdrawn'])), name='proposal_state_known'),
        ),
        migrations.AddConstraint(
            model_name='proposal',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', True), ('state', 'open')), models.Q(models.Q(('state', 'open'), _negated=True), ('decided_at__isnull', False)), _connector='OR'), name='proposal_decided_when_not_open'),
        ),
        migrations.AddConstraint(
            model_name='draftrevision',
            constraint=models.UniqueConstraint(fields=('version', 'number'), name='revision_number_unique_in_version'),
        ),
        migrations.AddConstraint(
            model_name='setmembership',
            constraint=models.UniqueConstraint(fields=('value_set', 'user'), name='one_role_per_set_member'),
        ),
        migrations.AddConstraint(
            model_name='setmembership',
            constraint=models.CheckConstraint(condition=models.Q(('role__in', ['steward', 'member', 'reader'])), name='set_role_known'),
        ),
        migrations.AddConstraint(
            model_name='voice',
            constraint=models.UniqueConstraint(condition=models.Q(('stance__in', ['support', 'object'])), fields=('proposal', 'user'), name='one_voice_for_or_against_per_member'),
        ),
        migrations.AddConstraint(
            model_name='voice',
            constraint=models.CheckConstraint(condition=models.Q(('stance__in', ['support', 'object', 'comment'])), name='stance_known'),
        ),
        migrations.AddConstraint(
            model_name='voice',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('stance', 'comment'), _negated=True), models.Q(('words', ''), _negated=True), _connector='OR'), name='a_comment_says_something'),
        ),
        migrations.RunPython(migrations.RunPython.noop, drop_triggers),
    ]
