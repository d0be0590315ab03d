using System;
using System.Collections.Generic;
using System.Linq;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Tests.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Rings;

/// <summary>
/// Random operation sequences against a reference model. A failure prints the seed that brings it back.
/// </summary>
public class PackedRingProperties
{
    private static Config Many => Config.QuickThrowOnFailure.WithMaxTest(2000).WithEndSize(300);

    [Test]
    public void Driver_and_reference_agree_on_every_sequence()
    {
        Gen<int[]> operations = Gen.Choose(0, 1 << 20).ArrayOf();
        Arbitrary<(int Size, int[] Operations)> scenarios = Gen.Choose(1, 33)
            .SelectMany(size => operations.Select(o => (size, o))).ToArbitrary();
        Prop.ForAll(scenarios, scenario => Run(scenario.Size, scenario.Operations)).Check(Many);
    }

    [Test]
    public void No_forged_ring_gets_through()
    {
        Gen<int[]> operations = Gen.Choose(int.MinValue, int.MaxValue).ArrayOf();
        Arbitrary<(int Size, int[] Operations)> scenarios = Gen.Choose(1, 9)
            .SelectMany(size => operations.Select(o => (size, o))).ToArbitrary();
        Prop.ForAll(scenarios, scenario => RunHostile(scenario.Size, scenario.Operations)).Check(Many);
    }

    private static void Run(int size, int[] operations)
    {
        using RingBench bench = new RingBench(size);
        Dictionary<int, (int Readable, int Writable)> inFlight = new Dictionary<int, (int, int)>();
        Queue<int> available = new Queue<int>();
        List<(TakenBuffer Buffer, int Token)> taken = new List<(TakenBuffer, int)>();
        Queue<(int Token, uint Written)> used = new Queue<(int, uint)>();
        int nextToken = 0;
        int free = size;
        foreach (int operation in operations)
        {
            int argument = operation / 8;
            switch (operation % 8)
            {
                case 0:
                case 1:
                case 2:
                    int readable = argument % 4;
                    int writable = argument / 4 % 4;
                    int chain = readable + writable;
                    AddStatus expected = chain == 0 || chain > size ? AddStatus.Invalid
                        : chain > free ? AddStatus.Full : AddStatus.Ok;
                    Expect(bench.Add(readable, writable, nextToken) == expected);
                    if (expected == AddStatus.Ok)
                    {
                        inFlight.Add(nextToken, (readable, writable));
                        available.Enqueue(nextToken++);
                        free -= chain;
                    }

                    break;
                case 3:
                    if (available.TryDequeue(out int token))
                    {
                        (int expectedReadable, int expectedWritable) = inFlight[token];
                        taken.Add((bench.TakeExpecting(expectedReadable, expectedWritable, token), token));
                    }
                    else
                    {
                        Expect(bench.Device.TryTake() == null);
                    }

                    break;
                case 4:
                case 5:
                    if (taken.Count != 0)
                    {
                        (TakenBuffer buffer, int done) = taken[argument % taken.Count];
                        taken.RemoveAt(argument % taken.Count);
                        uint room = (uint)buffer.Elements.Where(e => e.IsWritable).Sum(e => e.Length);
                        uint length = room == 0 ? (uint)argument : (uint)argument % (room + 1);
                        bench.Device.Use(buffer, length, setWrite: argument % 2 == 0);
                        used.Enqueue((done, room == 0 ? 0 : length));
                    }

                    break;
                case 6:
                    bool isUsed = bench.Queue.TryGetUsed(out int got, out uint written);
                    Expect(isUsed == (used.Count != 0));
                    if (isUsed)
                    {
                        Expect(used.Dequeue() == (got, written));
                        free += inFlight[got].Readable + inFlight[got].Writable;
                        inFlight.Remove(got);
                    }

                    break;
                default:
                    if (argument % 2 == 0)
                    {
                        bench.Queue.DisableInterrupts();
                        Expect(!bench.Device.DriverWantsInterrupts);
                    }
                    else
                    {
                        Expect(bench.Queue.EnableInterrupts() == (used.Count != 0));
                        Expect(bench.Device.DriverWantsInterrupts);
                    }

                    break;
            }

            Expect(bench.Queue.FreeDescriptors == free);
            Expect(bench.Queue.InFlight == inFlight.Count);
        }
    }

    private static void RunHostile(int size, int[] operations)
    {
        using RingBench bench = new RingBench(size);
        HashSet<int> inFlight = new HashSet<int>();
        int nextToken = 0;
        foreach (int operation in operations)
        {
            uint bits = (uint)operation;
            if (bits % 3 == 0)
            {
                if (bench.Add((int)(bits >> 2) & 1, 1 + ((int)(bits >> 3) & 1), nextToken) == AddStatus.Ok)
                {
                    inFlight.Add(nextToken++);
                }
            }
            else if (bits % 3 == 1)
            {
                ushort flags = (bits & 8) != 0 ? (ushort)0x8080 : (ushort)(bits >> 16);
                ushort id = (ushort)((bits & 16) != 0 ? bits >> 5 : (bits >> 5) % (uint)size);
                bench.Device.Forge((int)((bits >> 8) % (uint)size), id, (bits >> 12) & 3, flags);
            }
            else if (bench.Queue.TryGetUsed(out int token, out uint written))
            {
                Expect(inFlight.Remove(token));
                Expect(written <= 3);
            }

            Expect(bench.Queue.InFlight == inFlight.Count);
        }

        while (bench.Queue.TryDetach(out int token))
        {
            Expect(inFlight.Remove(token));
        }

        Expect(inFlight.Count == 0);
        Expect(bench.Queue.FreeDescriptors == size);
    }

    private static void Expect(bool condition)
    {
        if (!condition)
        {
            throw new InvalidOperationException("driver and reference disagree");
        }
    }
}
