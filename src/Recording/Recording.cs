using System;
using System.Collections.Generic;
using System.IO;
using System.Text;
using System.Text.Json;

namespace VirtioGuest.Recording;

/// <summary>A recording that was read: what there is, and the steps in order.</summary>
public sealed class Recording
{
    private const int StepFields = 8;

    private Recording(RecordingHeader header)
    {
        Header = header;
    }

    /// <summary>Where it comes from.</summary>
    public RecordingHeader Header { get; }

    /// <summary>The queues, each with the number of the step before which it appears.</summary>
    public List<(int Step, RecordedQueue Queue)> Queues { get; } = [];

    /// <summary>The lines of source; a step's number counts them from 1.</summary>
    public List<RecordedPlace> Places { get; } = [];

    /// <summary>The steps.</summary>
    public List<RecordedStep> Steps { get; } = [];

    /// <summary>How many steps came after these and were not kept.</summary>
    public long Dropped { get; private set; }

    /// <summary>The lines that make up the recording, without anything that stood between them.</summary>
    public List<string> Lines { get; } = [];

    /// <summary>Reads a recording.</summary>
    /// <param name="path">
    /// A file that begins with one or has one somewhere, such as a serial log or the image of a disk.
    /// </param>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="InvalidDataException">It has no whole recording; the message says what is wrong.</exception>
    public static Recording Read(string path)
    {
        using var reader = new StreamReader(path, Encoding.Latin1, false, 1 << 16);
        return Read(reader);
    }

    /// <summary>Reads a recording.</summary>
    /// <param name="text">Bytes as characters: one for each, as Latin-1 has them.</param>
    /// <exception cref="InvalidDataException">It has no whole recording; the message says what is wrong.</exception>
    public static Recording Read(TextReader text)
    {
        ArgumentNullException.ThrowIfNull(text);
        Recording? recording = null;
        int number = 0;
        while (ReadLine(text) is string raw)
        {
            number++;
            string line = Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(raw)).TrimEnd('\r');
            if (recording is null)
            {
                int start = line.IndexOf(RecordingFormat.HeaderStart, StringComparison.Ordinal);
                if (start < 0)
                {
                    continue;
                }

                line = line[start..];
            }
            else if (line.Length == 0 || line[0] is not ('{' or '['))
            {
                continue;
            }

            try
            {
                using JsonDocument document = JsonDocument.Parse(line);
                bool isEnded = Take(ref recording, document.RootElement);
                recording!.Lines.Add(line);
                if (isEnded)
                {
                    return recording;
                }
            }
            catch (Exception e) when (
                e is JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
            {
                throw new InvalidDataException($"line {number} is no part of a recording: {e.Message}", e);
            }
        }

        throw new InvalidDataException(recording is null
            ? "there is no recording in the file"
            : $"the recording is cut off after step {recording.Steps.Count}: its end is missing");
    }

    /// <summary>
    /// Reads a line of at most so many characters as one may have; more is what lies beside a recording.
    /// </summary>
    private static string? ReadLine(TextReader text)
    {
        const int Longest = 4 * RecordingFormat.MostBytes;
        var line = new StringBuilder();
        int each;
        bool isAny = false;
        while ((each = text.Read()) >= 0)
        {
            isAny = true;
            if (each == '\n')
            {
                break;
            }

            if (line.Length < Longest && each != 0)
            {
                line.Append((char)each);
            }
        }

        return isAny ? line.ToString() : null;
    }

    private static bool Take(ref Recording? recording, JsonElement line)
    {
        if (recording is null)
        {
            recording = new Recording(HeaderOf(line));
            return false;
        }

        if (line.ValueKind == JsonValueKind.Array)
        {
            recording.Add(StepOf(line, recording));
            return false;
        }

        if (line.TryGetProperty("queue", out JsonElement index))
        {
            recording.Queues.Add((recording.Steps.Count, QueueOf(line, index.GetInt32())));
        }
        else if (line.TryGetProperty("place", out JsonElement number))
        {
            Require(number.GetInt32() == recording.Places.Count + 1, "lines of source are counted from 1");
            recording.Places.Add(new RecordedPlace(
                Text(line, "file"), line.GetProperty("line").GetInt32(), Text(line, "in")));
        }
        else if (line.TryGetProperty("end", out JsonElement steps))
        {
            Require(
                steps.GetInt32() == recording.Steps.Count,
                $"it has {recording.Steps.Count} steps, and its end counts {steps.GetInt32()}: some are missing");
            recording.Dropped = line.GetProperty("dropped").GetInt64();
            return true;
        }
        else
        {
            Require(false, "nobody knows what it says");
        }

        return false;
    }

    private static RecordingHeader HeaderOf(JsonElement line)
    {
        int version = line.GetProperty("virtioguest-recording").GetInt32();
        Require(
            version == RecordingFormat.Version,
            $"it has version {version} of the format, and this reads version {RecordingFormat.Version}");
        var actors = new List<string>();
        foreach (JsonElement actor in line.GetProperty("actors").EnumerateArray())
        {
            actors.Add(actor.GetString()!);
        }

        return new RecordingHeader(
            Text(line, "title"),
            Text(line, "source"),
            [.. actors],
            line.GetProperty("views").GetBoolean(),
            line.GetProperty("timed").GetBoolean())
        {
            About = Text(line, "about"),
        };
    }

    private static RecordedQueue QueueOf(JsonElement line, int index)
    {
        string format = Text(line, "format");
        int size = line.GetProperty("size").GetInt32();
        Require(format is "packed" or "split", "a queue is packed or split");
        Require(size is >= 1 and <= 32768, "a queue has 1 to 32768 descriptors");
        return new RecordedQueue(
            index,
            Text(line, "name"),
            format == "packed",
            size,
            line.GetProperty("descriptor").GetUInt64(),
            line.GetProperty("driver").GetUInt64(),
            line.GetProperty("device").GetUInt64(),
            line.GetProperty("features").GetUInt64())
        {
            Start = line.GetProperty("start").GetInt32(),
        };
    }

    private static RecordedStep StepOf(JsonElement line, Recording recording)
    {
        Require(line.GetArrayLength() is >= 4 and <= StepFields, "a step has 4 to 8 fields");
        string word = line[0].GetString() ?? string.Empty;
        StepKind kind = word.Length == 1 ? (StepKind)word[0] : 0;
        Require(Enum.IsDefined(kind), $"there is no kind of step \"{word}\"");
        int actor = line[1].GetInt32();
        Require((uint)actor < (uint)recording.Header.Actors.Length, $"there is no actor {actor}");
        ulong time = line[2].GetUInt64();
        if (kind is StepKind.Note or StepKind.Failure)
        {
            return new RecordedStep(kind, actor, time, Text: line[3].GetString()!);
        }

        ulong address = line[3].GetUInt64();
        byte[] bytes = [];
        uint length = 0;
        if (kind is StepKind.Store or StepKind.Load or StepKind.View)
        {
            bytes = Convert.FromHexString(line[4].GetString()!);
            length = (uint)bytes.Length;
            Require(length is > 0 and <= RecordingFormat.MostBytes, "a step has 1 to 65536 bytes");
        }
        else if (line.GetArrayLength() > 4)
        {
            length = line[4].GetUInt32();
        }

        int place = Number(line, 7);
        Require(place <= recording.Places.Count, $"there is no line of source {place}");
        return new RecordedStep(kind, actor, time, address, length, bytes, Number(line, 5), Number(line, 6), place);
    }

    private static int Number(JsonElement line, int index) =>
        index < line.GetArrayLength() ? line[index].GetInt32() : 0;

    private static string Text(JsonElement line, string name) => line.GetProperty(name).GetString()!;

    private static void Require(bool condition, string otherwise)
    {
        if (!condition)
        {
            throw new FormatException(otherwise);
        }
    }

    private void Add(in RecordedStep step)
    {
        Require(Steps.Count < RecordingFormat.MostSteps, $"it has more than {RecordingFormat.MostSteps} steps");
        Steps.Add(step);
    }
}
