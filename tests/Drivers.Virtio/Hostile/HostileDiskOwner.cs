using System;
using System.Collections.Generic;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Hostile;

/// <summary>Owns a disk.</summary>
internal sealed class HostileDiskOwner : HostileOwner
{
    private const int Tokens = 4096;
    private const uint BufferLength = 4096;
    private const ulong BufferAddress = 0x8000_0000_0000;

    private readonly VirtioBlock _driver;
    private readonly BlockCompletion[] _completions = new BlockCompletion[4];
    private readonly bool[] _isInFlight = new bool[Tokens];
    private readonly DmaSegment[] _data = new DmaSegment[3];
    private int _next;
    private int _inFlight;

    public HostileDiskOwner(HostileBench bench, VirtioTransport transport, bool expectsNoAllocation)
        : base(bench, expectsNoAllocation)
    {
        _driver = new VirtioBlock(transport, "disk0", this);
        bench.Machine.Memory.AllocateBuffer(BufferLength, BufferAddress);
    }

    public override VirtioDevice Driver => _driver;

    public override void TakeAllBack()
    {
        for (int count = _completions.Length; count == _completions.Length;)
        {
            count = Drain();
        }

        BrokenPromiseException.Unless(
            _inFlight == 0 && _driver.InFlight == 0, "every request comes back when the device is stopped");
    }

    public override void Disturb() => _driver.TryResetQueue(1 + Bench.Random.Below(300));

    protected override void Submit(int what)
    {
        switch (what)
        {
            case < 45:
                SubmitOne();
                break;
            case < 65:
                _driver.Notify();
                break;
            case < 85:
                Drain();
                break;
            case < 93:
                _driver.EnableInterrupts();
                break;
            default:
                _driver.DisableInterrupts();
                break;
        }
    }

    protected override void Serve()
    {
        // Each round takes a buffer back, or ends.
        int rounds = 0;
        do
        {
            while (Drain() == _completions.Length)
            {
                rounds++;
            }

            BrokenPromiseException.Unless(++rounds < Tokens, "serving an interrupt comes to an end");
        }
        while (_driver.EnableInterrupts());
    }

    private void SubmitOne()
    {
        int count = Bench.Random.Below(_data.Length + 1);
        for (int i = 0; i < count; i++)
        {
            _data[i] = new DmaSegment(BufferAddress + (1024u * (uint)i), 512u + (uint)(256 * Bench.Random.Below(3)));
        }

        int token = _next % Tokens;
        BlockOperation operation = (BlockOperation)Bench.Random.Below(3);
        ulong sector = Bench.Random.Chance(90) ? (ulong)Bench.Random.Below(64) : Bench.Random.WideBits();
        BlockStatus status = _driver.TrySubmit(operation, sector, _data.AsSpan(0, count), token);
        if (status == BlockStatus.Ok)
        {
            BrokenPromiseException.Unless(!_isInFlight[token], "no request is lost");
            _isInFlight[token] = true;
            _inFlight++;
            _next++;
        }
    }

    private int Drain()
    {
        int count = _driver.Drain(_completions);
        foreach (BlockCompletion completion in new ReadOnlySpan<BlockCompletion>(_completions, 0, count))
        {
            int token = completion.Token;
            bool isKnown = token is >= 0 and < Tokens && _isInFlight[token];
            BrokenPromiseException.Unless(isKnown, "a request comes back once, and was submitted");
            _isInFlight[token] = false;
            _inFlight--;
        }

        return count;
    }
}
