using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Text;
using VirtioGuest.Hal;

namespace VirtioGuest.Recording;

/// <summary>
/// Writes a recording, line by line, so that what was written before an end without warning is still of use. Steps
/// beyond a limit are counted and not written.
/// </summary>
/// <remarks>One context at a time.</remarks>
public sealed class RecordingWriter : IDisposable
{
    private readonly TextWriter _output;
    private readonly bool _leavesOpen;
    private readonly Dictionary<RecordedPlace, int> _places = [];
    private readonly int _mostSteps;
    private bool _isEnded;

    /// <summary>Begins a recording.</summary>
    /// <param name="output">Where it goes; it belongs to the writer from now on.</param>
    /// <param name="header">What it is.</param>
    /// <param name="mostSteps">How many steps are written at most, at least 1.</param>
    /// <param name="leavesOpen">Whether the output stays the caller's.</param>
    public RecordingWriter(
        TextWriter output,
        RecordingHeader header,
        int mostSteps = RecordingFormat.UsualSteps,
        bool leavesOpen = false)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(header);
        ArgumentOutOfRangeException.ThrowIfLessThan(mostSteps, 1);
        _output = output;
        _leavesOpen = leavesOpen;
        _mostSteps = mostSteps;
        Header = header;
        WriteHeader(header);
    }

    /// <summary>What the recording is.</summary>
    public RecordingHeader Header { get; }

    /// <summary>How many steps were written.</summary>
    public int Steps { get; private set; }

    /// <summary>How many steps came after as many as are written at most, and are left out.</summary>
    public int Dropped { get; private set; }

    /// <summary>Begins a recording in a file, which is replaced.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static RecordingWriter Create(
        string path, RecordingHeader header, int mostSteps = RecordingFormat.UsualSteps)
    {
        string? folder = Path.GetDirectoryName(Path.GetFullPath(path));
        Directory.CreateDirectory(folder!);
        return new RecordingWriter(
            new StreamWriter(path, append: false, new UTF8Encoding(false)) { NewLine = "\n" }, header, mostSteps);
    }

    /// <summary>
    /// Says that there is a queue from now on. One of the same index takes the place of the one before.
    /// </summary>
    public void Add(RecordedQueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        _output.Write("{\"queue\":");
        Write(queue.Index);
        _output.Write(",\"name\":");
        WriteText(queue.Name);
        _output.Write(queue.IsPacked ? ",\"format\":\"packed\",\"size\":" : ",\"format\":\"split\",\"size\":");
        Write(queue.Size);
        _output.Write(",\"descriptor\":");
        Write(queue.DescriptorArea);
        _output.Write(",\"driver\":");
        Write(queue.DriverArea);
        _output.Write(",\"device\":");
        Write(queue.DeviceArea);
        _output.Write(",\"features\":");
        Write(queue.Features);
        _output.Write(",\"start\":");
        Write(queue.Start);
        _output.Write("}\n");
    }

    /// <summary>The number of a line of source, which is written where it comes up for the first time.</summary>
    /// <param name="place">The line; null gives 0.</param>
    public int NumberOf(RecordedPlace? place)
    {
        if (place is null)
        {
            return 0;
        }

        if (!_places.TryGetValue(place, out int number))
        {
            number = _places.Count + 1;
            _places.Add(place, number);
            _output.Write("{\"place\":");
            Write(number);
            _output.Write(",\"file\":");
            WriteText(place.File);
            _output.Write(",\"line\":");
            Write(place.Line);
            _output.Write(",\"in\":");
            WriteText(place.Method);
            _output.Write("}\n");
        }

        return number;
    }

    /// <summary>A store or a load of the ring, or of what is as small.</summary>
    /// <param name="kind"><see cref="StepKind.Store"/>, <see cref="StepKind.Load"/> or
    /// <see cref="StepKind.View"/>.</param>
    /// <param name="actor">Who.</param>
    /// <param name="time">When, in nanoseconds.</param>
    /// <param name="address">Where, as a device address.</param>
    /// <param name="bytes">What, as it lies in memory.</param>
    /// <param name="isOrdered">Whether a store releases, or a load acquires.</param>
    /// <param name="site">The place's name.</param>
    /// <param name="place">The line of source.</param>
    public void Access(
        StepKind kind,
        int actor,
        ulong time,
        ulong address,
        ReadOnlySpan<byte> bytes,
        bool isOrdered = false,
        AccessSite site = AccessSite.Unnamed,
        int place = 0)
    {
        if (!Begin(kind, actor, time))
        {
            return;
        }

        _output.Write(',');
        Write(address);
        _output.Write(",\"");
        WriteHexadecimal(bytes);
        _output.Write('"');
        WriteTail(isOrdered ? 1 : 0, (int)site, place);
    }

    /// <summary>Bytes of a buffer are read or written, which are not kept.</summary>
    public void Data(int actor, ulong time, ulong address, uint length, bool isWrite, int place = 0)
    {
        if (Begin(StepKind.Data, actor, time))
        {
            WriteRange(address, length);
            WriteTail(isWrite ? 1 : 0, 0, place);
        }
    }

    /// <summary>Memory is handed over.</summary>
    public void Sync(
        int actor, ulong time, ulong address, uint length, DmaSync operations, AccessSite site, int place = 0)
    {
        if (Begin(StepKind.Sync, actor, time))
        {
            WriteRange(address, length);
            WriteTail((int)operations, (int)site, place);
        }
    }

    /// <summary>A full barrier.</summary>
    /// <param name="actor">Whose.</param>
    /// <param name="time">When.</param>
    /// <param name="isForDevice">Whether it also holds for devices of a bus.</param>
    /// <param name="site">The place's name.</param>
    /// <param name="place">The line of source.</param>
    public void Barrier(int actor, ulong time, bool isForDevice, AccessSite site, int place = 0)
    {
        if (Begin(StepKind.Barrier, actor, time))
        {
            _output.Write(isForDevice ? ",1" : ",0");
            WriteTail(0, (int)site, place, length: true);
        }
    }

    /// <summary>One side notifies the other: a kick, or an interrupt.</summary>
    public void Notify(StepKind kind, int actor, ulong time, int queue, int place = 0)
    {
        if (Begin(kind, actor, time))
        {
            _output.Write(',');
            Write(queue);
            WriteTail(0, 0, place, length: true);
        }
    }

    /// <summary>Words: a note, or a failure.</summary>
    public void Say(StepKind kind, int actor, ulong time, string text)
    {
        if (Begin(kind, actor, time))
        {
            _output.Write(',');
            WriteText(text);
            _output.Write("]\n");
        }
    }

    /// <summary>Ends the recording.</summary>
    public void Dispose()
    {
        if (_isEnded)
        {
            return;
        }

        _isEnded = true;
        _output.Write("{\"end\":");
        Write(Steps);
        _output.Write(",\"dropped\":");
        Write(Dropped);
        _output.Write("}\n");
        _output.Flush();
        if (!_leavesOpen)
        {
            _output.Dispose();
        }
    }

    private void WriteHeader(RecordingHeader header)
    {
        _output.Write(RecordingFormat.HeaderStart);
        Write(RecordingFormat.Version);
        _output.Write(",\"title\":");
        WriteText(header.Title);
        _output.Write(",\"source\":");
        WriteText(header.Source);
        _output.Write(",\"about\":");
        WriteText(header.About);
        _output.Write(",\"actors\":[");
        for (int i = 0; i < header.Actors.Length; i++)
        {
            _output.Write(i == 0 ? string.Empty : ",");
            WriteText(header.Actors[i]);
        }

        _output.Write(header.HasViews ? "],\"views\":true" : "],\"views\":false");
        _output.Write(header.IsTimed ? ",\"timed\":true}\n" : ",\"timed\":false}\n");
    }

    private bool Begin(StepKind kind, int actor, ulong time)
    {
        ObjectDisposedException.ThrowIf(_isEnded, this);
        if (Steps == _mostSteps)
        {
            Dropped++;
            return false;
        }

        Steps++;
        _output.Write("[\"");
        _output.Write((char)kind);
        _output.Write("\",");
        Write(actor);
        _output.Write(',');
        Write(time);
        return true;
    }

    private void WriteRange(ulong address, uint length)
    {
        _output.Write(',');
        Write(address);
        _output.Write(',');
        Write(length);
    }

    /// <summary>Writes the fields behind the bytes; zeroes at the end are left out.</summary>
    private void WriteTail(int mode, int site, int place, bool length = false)
    {
        if (length && (mode | site | place) != 0)
        {
            _output.Write(",0");
        }

        if ((mode | site | place) != 0)
        {
            _output.Write(',');
            Write(mode);
        }

        if ((site | place) != 0)
        {
            _output.Write(',');
            Write(site);
        }

        if (place != 0)
        {
            _output.Write(',');
            Write(place);
        }

        _output.Write("]\n");
    }

    private void Write(ulong number)
    {
        Span<char> digits = stackalloc char[20];
        number.TryFormat(digits, out int length, default, CultureInfo.InvariantCulture);
        _output.Write(digits[..length]);
    }

    private void Write(int number) => Write((ulong)number);

    private void WriteHexadecimal(ReadOnlySpan<byte> bytes)
    {
        Span<char> digits = stackalloc char[2];
        foreach (byte value in bytes)
        {
            digits[0] = "0123456789abcdef"[value >> 4];
            digits[1] = "0123456789abcdef"[value & 15];
            _output.Write(digits);
        }
    }

    private void WriteText(string text)
    {
        _output.Write('"');
        foreach (char each in text)
        {
            if (each is '"' or '\\')
            {
                _output.Write('\\');
                _output.Write(each);
            }
            else if (each < ' ')
            {
                _output.Write(each == '\n' ? "\\n" : " ");
            }
            else
            {
                _output.Write(each);
            }
        }

        _output.Write('"');
    }
}
