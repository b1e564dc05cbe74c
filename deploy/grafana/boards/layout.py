"""Dashboards of panels: typed by Grafana's own library, laid out from left to right."""

from dataclasses import dataclass, field
from string import ascii_uppercase

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common as common_model
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from .promql import alert_threshold, alerts

TAG = "stagelight"
DATASOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
WIDTH = 24
SEVERITY_COLORS = {"critical": "red", "warning": "orange", "info": "blue"}

SCRAPED = (
    "Time axis: when it was scraped. An application that was read after its end is a flat line for as"
    " long as it is in --metrics-window."
)
READ = (
    "Time axis: when Stagelight read it. Logs that come late, or all at once, count when they come."
)
HAPPENED = (
    "Time axis: when it happened, by the timestamps of the events, also for applications that were"
    " read after their end. What a stage adds up to is spread evenly over its run; stages beyond the"
    " budget of series, the shortest, are not in it."
)
LAST = "The last that was scraped in the dashboard's time range."


@dataclass
class Query:
    expr: str
    legend: str = ""


@dataclass
class Column:
    title: str
    expr: str
    unit: str = "none"
    levels: tuple = ()
    alert: str = ""
    label: str = ""  # a label whose value is shown, instead of the query's


@dataclass
class Link:
    """To another dashboard, with its variables from what was clicked."""

    title: str
    uid: str
    variables: tuple = ()
    keep: tuple = ("datasource", "cluster", "namespace")

    def url(self, source):
        kept = [f"${{{name}:queryparam}}" for name in self.keep]
        given = [f"var-{name}=${{{source}.{name}:percentencode}}" for name in self.variables]
        return "/d/" + self.uid + "?" + "&".join(["${__url_time_range}", *kept, *given])

    def of_series(self):
        return dashboard.DashboardLink(self.title).url(self.url("__field.labels"))

    def of_row(self):
        return {"title": self.title, "url": self.url("__data.fields")}


TO_APPLICATION = Link("Application", "stagelight-application", ("app_name", "app_id"))
TO_STAGE = Link("Stage", "stagelight-stage", ("app_name", "app_id", "stage_id"))
TO_EXECUTORS = Link("Executors and cost", "stagelight-executors", ("app_name", "app_id"))
TO_NAME = Link("Applications of this name", "stagelight-fleet", ("app_name",))


def told(*names):
    """The alerts that a panel names."""
    return [name for name in dict.fromkeys(names) if name]


def level(value, color):
    return model.Threshold(value=value, color=color)


def thresholds(levels, alert, base="green"):
    """Levels are (value, colour); an alert's own number is a level of its severity's colour."""
    steps = [level(value, color) for value, color in levels]
    number = alert and alert_threshold(alert)
    if number:
        steps.append(level(number, SEVERITY_COLORS[alerts()[alert]["labels"]["severity"]]))
    steps.sort(key=lambda step: step.value)
    return dashboard.ThresholdsConfig().steps([level(None, base), *steps])


@dataclass
class Board:
    uid: str
    title: str
    description: str
    variables: list
    time: str = "now-6h"
    alert_scope: str = ""
    panels: list = field(default_factory=list)
    alert_panels: dict = field(default_factory=dict)
    _x: int = 0
    _y: int = 0
    _height: int = 0
    _id: int = 0

    # What panels have in common.

    def _place(self, panel, title, description, width, height, alert=(), links=()):
        if self._x + width > WIDTH:
            self._wrap()
        self._id += 1
        for name in alert:
            self.alert_panels.setdefault(name, []).append(self._id)
        if alert:
            description += f"\n\nAlert: {', '.join(alert)}."
        panel.id(self._id).title(title).description(description)
        panel.grid_pos(model.GridPos(h=height, w=width, x=self._x, y=self._y))
        if links:
            panel.links([dashboard.DashboardLink(link.title).url(link.url("")) for link in links])
        self._x += width
        self._height = max(self._height, height)
        self.panels.append(panel)

    def _wrap(self):
        self._x, self._y, self._height = 0, self._y + self._height, 0

    def row(self, title):
        self._wrap()
        self._id += 1
        position = model.GridPos(h=1, w=WIDTH, x=0, y=self._y)
        self.panels.append(dashboard.Row(title).id(self._id).grid_pos(position))
        self._y += 1

    def _targets(self, panel, queries, instant=False, format_=PromQueryFormat.TIME_SERIES):
        panel.datasource(DATASOURCE)
        for ref, query in zip(ascii_uppercase, queries):
            target = prometheus.Dataquery().ref_id(ref).expr(query.expr).datasource(DATASOURCE)
            target.legend_format(query.legend or "__auto").format(format_)
            panel.with_target(target.instant() if instant else target.range())

    # The kinds of panels.

    def series(self, title, description, unit, queries, width=8, height=8, stacked=False,
               levels=(), alert="", about="", link=None):  # fmt: skip
        """Lines over time; the number of an alert is a dashed line, of what it is about there is none."""
        panel = timeseries.Panel().unit(unit).line_width(1).span_nulls(False)
        panel.show_points(common_model.VisibilityMode.AUTO).fill_opacity(60 if stacked else 10)
        panel.min(0)
        if stacked:
            panel.stacking(common.StackingConfig().mode(common_model.StackingMode.NORMAL))
        panel.thresholds(thresholds(levels, alert, base="transparent"))
        if levels or alert and alert_threshold(alert):
            dashed = common_model.GraphThresholdsStyleMode.DASHED
            panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(dashed))
        panel.legend(
            common.VizLegendOptions()
            .show_legend(True)
            .display_mode(common_model.LegendDisplayMode.LIST)
            .placement(common_model.LegendPlacement.BOTTOM)
        )
        panel.tooltip(
            common.VizTooltipOptions()
            .mode(common_model.TooltipDisplayMode.MULTI)
            .sort(common_model.SortOrder.DESCENDING)
        )
        if link:
            panel.data_links([link.of_series()])
        self._targets(panel, queries)
        self._place(panel, title, description, width, height, told(alert, about))

    def stat(self, title, description, unit, expr, width=4, height=4, levels=(), alert="", about="",
             base="text", text=False, no_value="-", decimals=None, legend=""):  # fmt: skip
        """One number, or the name of what is."""
        panel = stat.Panel().unit(unit).thresholds(thresholds(levels, alert, base))
        panel.graph_mode(common_model.BigValueGraphMode.NONE).no_value(no_value)
        panel.color_mode(common_model.BigValueColorMode.VALUE)
        panel.text_mode(
            common_model.BigValueTextMode.NAME if text else common_model.BigValueTextMode.VALUE
        )
        panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        if decimals is not None:
            panel.decimals(decimals)
        self._targets(panel, [Query(expr, legend)], instant=True)
        self._place(panel, title, description, width, height, told(alert, about))

    def bars(self, title, description, unit, expr, legend, width=8, height=8, levels=(),
             alert="", link=None, format_=PromQueryFormat.TIME_SERIES):  # fmt: skip
        """A bar for each of a few; the format of heatmaps makes bars of a histogram's buckets."""
        panel = bargauge.Panel().unit(unit).thresholds(thresholds(levels, alert, "blue")).min(0)
        panel.orientation(common_model.VizOrientation.HORIZONTAL)
        panel.display_mode(common_model.BarGaugeDisplayMode.BASIC)
        panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        if link:
            panel.data_links([link.of_series()])
        self._targets(panel, [Query(expr, legend)], True, format_)
        self._place(panel, title, description, width, height, told(alert))

    def table(self, title, description, keys, columns, width=24, height=9, sort="", links=()):
        """A row for each combination of keys; links go from the column of their last variable."""
        panel = table.Panel().unit("none").filterable(True)
        panel.thresholds(thresholds((), ""))
        self._targets(
            panel, [Query(column.expr) for column in columns], True, PromQueryFormat.TABLE
        )
        panel.with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
        values = [f"Value #{ref}" if len(columns) > 1 else "Value" for ref, _ in zip(ascii_uppercase, columns)]
        hidden = {"Time": True} | {v: True for v, c in zip(values, columns) if c.label}
        shown = list(keys) + [c.label or v for v, c in zip(values, columns)]
        names = {c.label or v: c.title for v, c in zip(values, columns)}
        organize = {
            "excludeByName": hidden,
            "indexByName": {name: place for place, name in enumerate(shown)},
            "renameByName": names,
        }
        panel.with_transformation(model.DataTransformerConfig(id_val="organize", options=organize))
        for column in columns:
            if column.label:
                continue
            properties = [model.DynamicConfigValue(id_val="unit", value=column.unit)]
            if column.levels or column.alert:
                config = thresholds(column.levels, column.alert, "text").build()
                properties += [
                    model.DynamicConfigValue(id_val="thresholds", value=config),
                    model.DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"}),
                ]
            panel.override_by_name(column.title, properties)
        by_column = {}
        for link in links:
            by_column.setdefault(link.variables[-1], []).append(link.of_row())
        for name, urls in by_column.items():
            panel.override_by_name(name, [model.DynamicConfigValue(id_val="links", value=urls)])
        if sort:
            panel.sort_by([common.TableSortByFieldState().display_name(sort).desc(True)])
        alerts_of = told(*(column.alert for column in columns))
        self._place(panel, title, description, width, height, alerts_of)

    def alert_states(self, names, keys, links=(), width=16, height=8):
        """Which alerts fire, from the rules' own series, and Grafana's list of the same."""
        chosen = "|".join(names)
        scope = ", ".join(p for p in (f'alertname=~"{chosen}"', self.alert_scope) if p)
        expr = f'max by (alertname, severity, alertstate, {", ".join(keys)}) (ALERTS{{{scope}}})'
        self.table(
            "Alerts", "What fires, or is about to: rules of deploy/prometheus/rules.yaml. Empty where"
            " nothing does.",
            ("severity", "alertname", *keys), [Column("State", expr, label="alertstate")],
            width, height, links=links,
        )  # fmt: skip
        for name in names:
            self.alert_panels.setdefault(name, []).append(self._id)
        panel = dashboard.Panel().type("alertlist")
        panel.options({
            "viewMode": "list", "groupMode": "default", "groupBy": [], "maxItems": 20,
            "sortOrder": 1, "dashboardAlerts": False, "alertName": "",
            "alertInstanceLabelFilter": f'{{alertname=~"{chosen}"}}',
            "stateFilter": {"firing": True, "pending": True, "noData": False, "normal": False,
                            "error": True},
        })  # fmt: skip
        self._place(
            panel, "Alert rules", "The same rules as Grafana lists them, from every data source"
            " whose alerts it manages, with what their annotations say.", WIDTH - width, height,
        )  # fmt: skip

    # The whole.

    def build(self):
        built = (
            dashboard.Dashboard(self.title).uid(self.uid).description(self.description).tags([TAG])
            .time(self.time, "now").timezone("browser").refresh("30s")
            .tooltip(model.DashboardCursorSync.CROSSHAIR)
            .link(
                dashboard.DashboardLink("Stagelight").type(model.DashboardLinkType.DASHBOARDS)
                .tags([TAG]).as_dropdown(True).include_vars(True).keep_time(True)
            )
        )  # fmt: skip
        for variable in self.variables:
            built.with_variable(variable)
        for alert, panels in self.alert_panels.items():
            built.annotation(AlertAnnotation(alert, self.alert_scope, panels))
        for panel in self.panels:
            if isinstance(panel, dashboard.Row):
                built.with_row(panel)
            else:
                built.with_panel(panel)
        return built.build()


class AlertAnnotation(dashboard.AnnotationQuery):
    """Marks, on the panels that show what an alert is about, when it fires."""

    class Model(model.AnnotationQuery):
        """With the fields of the data source, which the library does not have."""

        def to_json(self):
            return super().to_json() | {
                "titleFormat": "{{alertname}}",
                "textFormat": "{{app_name}} {{app_id}} {{instance}}",
                "tagKeys": "severity",
                "step": "30s",
            }

    def __init__(self, alert, scope, panels):
        self._internal = self.Model()
        selector = ", ".join(p for p in (f'alertname="{alert}"', 'alertstate="firing"', scope) if p)
        severity = alerts()[alert]["labels"]["severity"]
        self.name(alert).datasource(DATASOURCE).enable(True).hide(True)
        self.icon_color(SEVERITY_COLORS[severity]).expr(f"ALERTS{{{selector}}}")
        self.filter(dashboard.AnnotationPanelFilter().ids(panels))


def datasource():
    return dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")


def choice(name, label, query, description):
    """A variable with the values of a label."""
    return (
        dashboard.QueryVariable(name).label(label).description(description).query(query)
        .datasource(DATASOURCE).multi(True).include_all(True).all_value(".*")
        .current(model.VariableOption(selected=True, text="All", value="$__all"))
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
    )  # fmt: skip


def fleet_variables():
    family = "stagelight_spark_tasks_total"
    return [
        datasource(),
        choice("cluster", "Cluster", f"label_values({family}, cluster)",
               "spark.stagelight.cluster of the application, else the host of spark.master."),
        choice("namespace", "Namespace", f'label_values({family}{{cluster=~"$cluster"}}, namespace)',
               "Of Kubernetes; none for applications that ran elsewhere, which All has."),
        choice("app_name", "Application",
               f'label_values({family}{{cluster=~"$cluster", namespace=~"$namespace"}}, app_name)',
               "Every name that the lake has an application of."),
    ]  # fmt: skip


def app_variables():
    family = "stagelight_spark_application_status"
    scope = 'cluster=~"$cluster", namespace=~"$namespace", app_name=~"$app_name"'
    return [
        *fleet_variables(),
        choice("app_id", "Run", f"label_values({family}{{{scope}}}, app_id)",
               "Application ids that were in --metrics-window at some time of the range."),
    ]  # fmt: skip
