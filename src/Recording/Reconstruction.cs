using System;
using System.Collections.Generic;

namespace VirtioGuest.Recording;

/// <summary>
/// Memory as a recording tells it: the newest bytes, and what each actor sees of them. The viewer's page does the same
/// in the reader's browser.
/// </summary>
public sealed class Reconstruction
{
    private const int PageLength = 4096;

    private readonly bool _hasViews;
    private readonly Dictionary<ulong, byte[]> _newest = [];
    private readonly Dictionary<ulong, byte[]>[] _views;

    /// <summary>Begins before the first step: nothing but zeroes.</summary>
    public Reconstruction(RecordingHeader header)
    {
        ArgumentNullException.ThrowIfNull(header);
        _hasViews = header.HasViews;
        _views = new Dictionary<ulong, byte[]>[header.Actors.Length];
        for (int i = 0; i < _views.Length; i++)
        {
            _views[i] = header.HasViews ? [] : _newest;
        }
    }

    /// <summary>Takes the next step.</summary>
    public void Apply(in RecordedStep step)
    {
        if (step.Kind == StepKind.Store)
        {
            Write(_newest, step.Address, step.Bytes.Span);
        }

        if (_hasViews && step.Kind is StepKind.Store or StepKind.View)
        {
            Write(_views[step.Actor], step.Address, step.Bytes.Span);
        }
    }

    /// <summary>The newest bytes.</summary>
    public byte[] Newest(ulong address, uint length) => Read(_newest, address, length);

    /// <summary>What an actor sees.</summary>
    public byte[] SeenBy(int actor, ulong address, uint length) => Read(_views[actor], address, length);

    private static void Write(Dictionary<ulong, byte[]> memory, ulong address, ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes)
        {
            ulong page = address / PageLength;
            if (!memory.TryGetValue(page, out byte[]? content))
            {
                content = new byte[PageLength];
                memory.Add(page, content);
            }

            content[address % PageLength] = value;
            address++;
        }
    }

    private static byte[] Read(Dictionary<ulong, byte[]> memory, ulong address, uint length)
    {
        byte[] bytes = new byte[length];
        for (uint i = 0; i < length; i++)
        {
            bytes[i] = memory.TryGetValue((address + i) / PageLength, out byte[]? page)
                ? page[(address + i) % PageLength]
                : (byte)0;
        }

        return bytes;
    }
}
