using System;
using System.Collections.Generic;
using System.Numerics;
using System.Runtime.InteropServices;

namespace VirtioGuest.Simulation;

/// <summary>
/// Memory as a history of stores. A processor has a view: for each byte the newest store that it must know of. A load
/// may give that one or any newer; then the processor knows of it.
/// </summary>
/// <remarks>
/// <para>
/// A release store carries its processor's view along, an acquire load takes over what the store it reads from
/// carries. A plain store carries the view of the last full barrier, a plain load puts what it found aside for the
/// next one. A full barrier also exchanges views with every full barrier before it.
/// </para>
/// <para>
/// Stores get their place in the history when they are made and loads never see the future, so a load is not delayed
/// past a later store of the same processor. An aligned access is one access: a load does not see half of a store.
/// </para>
/// </remarks>
internal sealed unsafe class ReleaseAcquireOrdering : OrderingModel
{
    private const int None = -1;
    private const int WidestAccess = 4;

    private readonly byte* _memory;
    private readonly ChoiceSequence _choices;
    private readonly List<StoreRecord> _stores = [];
    private readonly List<ushort[]> _views = [];
    private readonly ushort[][] _current = new ushort[Interleaving.MaximumProcessors][];
    private readonly ushort[][] _pending = new ushort[Interleaving.MaximumProcessors][];
    private readonly int[] _released = new int[Interleaving.MaximumProcessors];
    private readonly ushort[] _barriers;
    private readonly ushort[] _newest;
    private readonly Dictionary<int, ushort[]> _signals = [];
    private int _viewsInUse;
    private int _length;

    internal ReleaseAcquireOrdering(byte* memory, int length, ChoiceSequence choices)
    {
        _memory = memory;
        _choices = choices;
        _barriers = new ushort[length];
        _newest = new ushort[length];
        for (int i = 0; i < Interleaving.MaximumProcessors; i++)
        {
            _current[i] = new ushort[length];
            _pending[i] = new ushort[length];
        }
    }

    /// <inheritdoc/>
    internal override int Buffering => 0;

    /// <inheritdoc/>
    internal override void Reset(int length)
    {
        _length = (length + Vector<ushort>.Count - 1) / Vector<ushort>.Count * Vector<ushort>.Count;
        _length = Math.Min(_length, _newest.Length);
        _stores.Clear();

        // The memory's first values are store 0 of every byte, which covers nothing else.
        _stores.Add(default);
        _viewsInUse = 0;
        _signals.Clear();
        Array.Clear(_barriers, 0, _length);
        Array.Clear(_newest, 0, _length);
        for (int i = 0; i < Interleaving.MaximumProcessors; i++)
        {
            Array.Clear(_current[i], 0, _length);
            Array.Clear(_pending[i], 0, _length);
            _released[i] = None;
        }
    }

    /// <inheritdoc/>
    internal override uint Load(int processor, int offset, int size, bool acquires)
    {
        ushort[] current = _current[processor];
        Span<ushort> chosen = stackalloc ushort[WidestAccess];
        Choose(current, offset, size, chosen);
        uint value = 0;
        for (int i = 0; i < size; i++)
        {
            ushort store = chosen[i];
            value |= (uint)ByteOf(store, offset + i) << (8 * i);
            current[offset + i] = store;
            if (store != 0 && (i == 0 || store != chosen[i - 1]))
            {
                Learn(_pending[processor], store);
                if (acquires)
                {
                    Learn(current, store);
                }
            }
        }

        return value;
    }

    /// <inheritdoc/>
    internal override void Store(int processor, int offset, int size, uint value, bool releases)
    {
        ushort number = (ushort)_stores.Count;
        StoreRecord record = new StoreRecord { Offset = offset, Size = size, Value = value };
        for (int i = 0; i < size; i++)
        {
            record.Previous[i] = _newest[offset + i];
            _newest[offset + i] = number;
            _current[processor][offset + i] = number;
        }

        record.View = releases ? Keep(_current[processor]) : _released[processor];
        _stores.Add(record);
    }

    /// <inheritdoc/>
    internal override void FullBarrier(int processor)
    {
        ushort[] current = _current[processor];
        Join(current, _pending[processor]);
        Join(current, _barriers);
        Array.Copy(current, _barriers, _length);
        _released[processor] = Keep(current);
    }

    /// <inheritdoc/>
    internal override void Send(int processor, int signal)
    {
        if (!_signals.TryGetValue(signal, out ushort[]? view))
        {
            view = _views[Keep(_current[processor])];
            _signals.Add(signal, view);
        }

        Join(view, _current[processor]);
    }

    /// <inheritdoc/>
    internal override void Receive(int processor, int signal)
    {
        if (_signals.TryGetValue(signal, out ushort[]? view))
        {
            Join(_current[processor], view);
        }
    }

    /// <inheritdoc/>
    internal override void Drain(int index) => throw new InvalidOperationException("No store is kept back.");

    /// <inheritdoc/>
    internal override bool Settle() => false;

    /// <inheritdoc/>
    internal override void View(int processor, Span<byte> view)
    {
        for (int i = 0; i < view.Length; i++)
        {
            view[i] = ByteOf(_current[processor][i], i);
        }
    }

    /// <inheritdoc/>
    internal override void Finish()
    {
        for (int i = 0; i < _length; i++)
        {
            _memory[i] = ByteOf(_newest[i], i);
        }
    }

    /// <summary>Chooses for each byte of a load the store that it gives, so that no store is seen in part.</summary>
    private void Choose(ushort[] current, int offset, int size, Span<ushort> chosen)
    {
        Span<ushort> oldest = stackalloc ushort[WidestAccess];
        Span<ushort> options = stackalloc ushort[16];
        for (int i = 0; i < size; i++)
        {
            oldest[i] = current[offset + i];
        }

        Raise(oldest, offset, size);
        for (int i = 0; i < size; i++)
        {
            // All options but the newest are deviations, so a bound on how many are offered is no great loss.
            int count = 0;
            for (ushort store = _newest[offset + i]; count < options.Length; store = Previous(store, offset + i))
            {
                if (!IsSplit(store, offset, chosen, i))
                {
                    options[count++] = store;
                }

                if (store <= oldest[i])
                {
                    break;
                }
            }

            chosen[i] = options[_choices.Choose(count, deviates: true)];
            oldest[i] = chosen[i];
            Raise(oldest, offset, size);
        }
    }

    /// <summary>Where one byte is known from a store, the others that it wrote are not from before it.</summary>
    private void Raise(Span<ushort> oldest, int offset, int size)
    {
        bool changes = true;
        while (changes)
        {
            changes = false;
            for (int i = 0; i < size; i++)
            {
                for (int j = 0; j < size; j++)
                {
                    if (oldest[j] < oldest[i] && Covers(oldest[i], offset + j))
                    {
                        oldest[j] = oldest[i];
                        changes = true;
                    }
                }
            }
        }
    }

    private bool IsSplit(ushort store, int offset, Span<ushort> chosen, int count)
    {
        for (int i = 0; i < count; i++)
        {
            if (chosen[i] < store && Covers(store, offset + i))
            {
                return true;
            }
        }

        return false;
    }

    private bool Covers(ushort store, int offset)
    {
        ref StoreRecord record = ref CollectionsMarshal.AsSpan(_stores)[store];
        return offset >= record.Offset && offset < record.Offset + record.Size;
    }

    private ushort Previous(ushort store, int offset)
    {
        ref StoreRecord record = ref CollectionsMarshal.AsSpan(_stores)[store];
        return store == 0 ? (ushort)0 : record.Previous[offset - record.Offset];
    }

    private byte ByteOf(ushort store, int offset)
    {
        if (store == 0)
        {
            return _memory[offset];
        }

        ref StoreRecord record = ref CollectionsMarshal.AsSpan(_stores)[store];
        return (byte)(record.Value >> (8 * (offset - record.Offset)));
    }

    private void Learn(ushort[] view, ushort store)
    {
        ref StoreRecord record = ref CollectionsMarshal.AsSpan(_stores)[store];
        for (int i = record.Offset; i < record.Offset + record.Size; i++)
        {
            view[i] = Math.Max(view[i], store);
        }

        if (record.View != None)
        {
            Join(view, _views[record.View]);
        }
    }

    private void Join(ushort[] view, ushort[] other)
    {
        for (int i = 0; i < _length; i += Vector<ushort>.Count)
        {
            Vector.Max(new Vector<ushort>(view, i), new Vector<ushort>(other, i)).CopyTo(view, i);
        }
    }

    private int Keep(ushort[] view)
    {
        if (_viewsInUse == _views.Count)
        {
            _views.Add(new ushort[_newest.Length]);
        }

        Array.Copy(view, _views[_viewsInUse], _length);
        return _viewsInUse++;
    }

    private struct StoreRecord
    {
        public int Offset;
        public int Size;
        public uint Value;
        public int View;
        public fixed ushort Previous[WidestAccess];
    }
}
