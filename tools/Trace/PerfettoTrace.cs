using System.Collections.Generic;
using System.Globalization;
using System.Text;
using System.Text.Json;
using VirtioGuest.Recording;

namespace VirtioGuest.Trace;

/// <summary>
/// A recording in the trace event format that Perfetto and Chrome read: a track for each actor, one for hand-overs, and
/// instants for notifications and failures. A step of a recording without times takes a microsecond.
/// </summary>
internal static class PerfettoTrace
{
    private const double Nanoseconds = 1000;

    /// <summary>The trace's text.</summary>
    public static string Build(Recording.Recording recording, SiteCatalog sites)
    {
        var text = new StringBuilder("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n");
        int ownership = recording.Header.Actors.Length;
        var events = new List<object>
        {
            Named("process_name", 0, recording.Header.Title),
            Named("thread_name", ownership, "ownership"),
        };
        for (int i = 0; i < ownership; i++)
        {
            events.Add(Named("thread_name", i, recording.Header.Actors[i]));
        }

        for (int i = 0; i < recording.Steps.Count; i++)
        {
            events.Add(EventOf(recording, sites, i, ownership));
        }

        for (int i = 0; i < events.Count; i++)
        {
            text.Append(JsonSerializer.Serialize(events[i])).Append(i + 1 < events.Count ? ",\n" : "\n");
        }

        return text.Append("]}\n").ToString();
    }

    private static object Named(string what, int thread, string name) =>
        new { ph = "M", name = what, pid = 1, tid = thread, args = new { name } };

    private static object EventOf(Recording.Recording recording, SiteCatalog sites, int index, int ownership)
    {
        RecordedStep step = recording.Steps[index];
        double start = recording.Header.IsTimed ? step.Time / Nanoseconds : index;
        double next = index + 1 == recording.Steps.Count || !recording.Header.IsTimed
            ? start + 1
            : recording.Steps[index + 1].Time / Nanoseconds;
        bool isInstant = step.Kind is StepKind.Kick or StepKind.Interrupt or StepKind.Note or StepKind.Failure;
        int thread = step.Kind is StepKind.Sync or StepKind.View ? ownership : step.Actor;
        var arguments = new Dictionary<string, object> { ["step"] = index + 1 };
        if (step.Length != 0)
        {
            arguments["address"] = "0x" + step.Address.ToString("x", CultureInfo.InvariantCulture);
            arguments["length"] = step.Length;
        }

        if (!step.Bytes.IsEmpty)
        {
            arguments["bytes"] = System.Convert.ToHexStringLower(step.Bytes.Span);
        }

        if (sites.Find(step.Site) is Site site)
        {
            arguments["site"] = $"{step.Site} {site.Name}";
        }

        if (step.Place > 0)
        {
            RecordedPlace place = recording.Places[step.Place - 1];
            arguments["source"] = $"{place.File}:{place.Line}";
        }

        string name = NameOf(step);
        return isInstant
            ? new
            {
                ph = "i",
                name,
                cat = step.Kind.ToString(),
                ts = start,
                pid = 1,
                tid = thread,
                s = "p",
                args = arguments,
            }
            : new
            {
                ph = "X",
                name,
                cat = step.Kind.ToString(),
                ts = start,
                dur = next > start ? next - start : 0.001,
                pid = 1,
                tid = thread,
                args = arguments,
            };
    }

    private static string NameOf(in RecordedStep step) => step.Kind switch
    {
        StepKind.Store => step.Mode != 0 ? "store, release" : "store",
        StepKind.Load => step.Mode != 0 ? "load, acquire" : "load",
        StepKind.Data => step.Mode != 0 ? "write data" : "read data",
        StepKind.Sync => ((Hal.DmaSync)step.Mode).ToString().ToUpperInvariant(),
        StepKind.Barrier => "full barrier",
        StepKind.View => "sees",
        StepKind.Kick => $"kick of queue {step.Address}",
        StepKind.Interrupt => $"interrupt of queue {step.Address}",
        StepKind.Failure => "failure: " + step.Text,
        _ => step.Text,
    };
}
