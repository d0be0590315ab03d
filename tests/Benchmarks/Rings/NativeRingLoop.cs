using System;
using System.ComponentModel;
using System.Diagnostics;
using System.IO;
using System.Runtime.InteropServices;

namespace VirtioGuest.Benchmarks.Rings;

/// <summary>The loop of <see cref="RingLoop"/> over a packed ring, written in C: <c>Native/packed_ring.c</c>.</summary>
internal sealed unsafe class NativeRingLoop : IDisposable
{
    private readonly nint _library;
    private readonly delegate* unmanaged<nint, uint, uint, ulong> _run;
    private readonly nint _bench;

    /// <summary>Compiles the C source and loads it.</summary>
    public NativeRingLoop()
    {
        _library = NativeLibrary.Load(Compile());
        _run = (delegate* unmanaged<nint, uint, uint, ulong>)NativeLibrary.GetExport(_library, "bench_run");
        var create = (delegate* unmanaged<uint, nint>)NativeLibrary.GetExport(_library, "bench_create");
        _bench = create(RingLoop.RingSize);
    }

    /// <summary>Moves batches of buffers.</summary>
    /// <returns>How many came back.</returns>
    public ulong Run(int batches, int batch) => _run(_bench, (uint)batches, (uint)batch);

    public void Dispose()
    {
        var destroy = (delegate* unmanaged<nint, void>)NativeLibrary.GetExport(_library, "bench_destroy");
        destroy(_bench);
        NativeLibrary.Free(_library);
    }

    private static string Compile()
    {
        string source = Path.Combine(AppContext.BaseDirectory, "Native", "packed_ring.c");
        string library = Path.Combine(AppContext.BaseDirectory, "packed_ring.so");
        string[] arguments =
        [
            "-std=gnu11", "-O2", "-Wall", "-Werror", "-fPIC", "-shared", "-fvisibility=hidden", "-o", library, source,
        ];
        try
        {
            using Process clang = Process.Start("clang", arguments);
            clang.WaitForExit();
            return clang.ExitCode == 0
                ? library
                : throw new InvalidOperationException("clang does not compile " + source);
        }
        catch (Win32Exception e)
        {
            throw new InvalidOperationException("clang, which compiles the C loop, could not be started", e);
        }
    }
}
