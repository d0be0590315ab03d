using System;
using System.Collections.Generic;
using VirtioGuest.Recording;

namespace VirtioGuest.Simulation;

/// <summary>
/// Memory behind store buffers: a processor sees its own stores at once, the others see them in order, later. A full
/// barrier empties the buffer; acquire and release have nothing to add.
/// </summary>
internal sealed unsafe class TotalStoreOrdering : OrderingModel
{
    private readonly byte* _memory;
    private readonly ChoiceSequence _choices;
    private readonly List<Buffered>[] _buffers = new List<Buffered>[Interleaving.MaximumProcessors];

    internal TotalStoreOrdering(byte* memory, ChoiceSequence choices)
    {
        _memory = memory;
        _choices = choices;
        for (int i = 0; i < _buffers.Length; i++)
        {
            _buffers[i] = [];
        }
    }

    /// <inheritdoc/>
    internal override int Buffering
    {
        get
        {
            int count = 0;
            foreach (List<Buffered> buffer in _buffers)
            {
                count += buffer.Count != 0 ? 1 : 0;
            }

            return count;
        }
    }

    /// <inheritdoc/>
    internal override void Reset(int length)
    {
        foreach (List<Buffered> buffer in _buffers)
        {
            buffer.Clear();
        }
    }

    /// <inheritdoc/>
    internal override uint Load(int processor, int offset, int size, bool acquires)
    {
        uint value = 0;
        for (int i = 0; i < size; i++)
        {
            value |= (uint)ByteAt(processor, offset + i) << (8 * i);
        }

        return value;
    }

    /// <inheritdoc/>
    internal override void Store(int processor, int offset, int size, uint value, bool releases)
    {
        _buffers[processor].Add(new Buffered(offset, size, value));
        if (_choices.Choose(2, deviates: true) == 0)
        {
            Empty(_buffers[processor]);
        }
    }

    /// <inheritdoc/>
    internal override void FullBarrier(int processor) => Empty(_buffers[processor]);

    /// <inheritdoc/>
    /// <remarks>A write to a register is made after every store before it.</remarks>
    internal override void Send(int processor, int signal) => Empty(_buffers[processor]);

    /// <inheritdoc/>
    internal override void Receive(int processor, int signal)
    {
    }

    /// <inheritdoc/>
    internal override void Drain(int index)
    {
        foreach (List<Buffered> buffer in _buffers)
        {
            if (buffer.Count != 0 && index-- == 0)
            {
                Write(buffer[0]);
                buffer.RemoveAt(0);
                return;
            }
        }

        throw new ArgumentOutOfRangeException(nameof(index));
    }

    /// <inheritdoc/>
    internal override bool Settle()
    {
        bool hadStores = Buffering != 0;
        Finish();
        return hadStores;
    }

    /// <inheritdoc/>
    internal override void Finish()
    {
        foreach (List<Buffered> buffer in _buffers)
        {
            Empty(buffer);
        }
    }

    /// <inheritdoc/>
    internal override void View(int processor, Span<byte> view)
    {
        for (int i = 0; i < view.Length; i++)
        {
            view[i] = ByteAt(processor, i);
        }
    }

    private byte ByteAt(int processor, int offset)
    {
        List<Buffered> buffer = _buffers[processor];
        for (int i = buffer.Count - 1; i >= 0; i--)
        {
            int inside = offset - buffer[i].Offset;
            if (inside >= 0 && inside < buffer[i].Size)
            {
                return (byte)(buffer[i].Value >> (8 * inside));
            }
        }

        return _memory[offset];
    }

    private void Empty(List<Buffered> buffer)
    {
        foreach (Buffered store in buffer)
        {
            Write(store);
        }

        buffer.Clear();
    }

    private void Write(Buffered store) => Words.Write(_memory + store.Offset, store.Size, store.Value);

    private readonly record struct Buffered(int Offset, int Size, uint Value);
}
