using System;
using System.Diagnostics;
using System.IO;
using NUnit.Framework;

namespace VirtioGuest.VhostUser.Tests.Harness;

/// <summary>The program that serves a disk, in a process of its own, so that it can be killed.</summary>
public sealed class ServerProcess : IDisposable
{
    private readonly Process _process;

    /// <summary>Starts it, and waits until it serves.</summary>
    /// <param name="image">The disk's image.</param>
    /// <param name="socket">Where front ends come.</param>
    public ServerProcess(string image, string socket)
    {
        string program = Path.Combine(TestContext.CurrentContext.TestDirectory, "VirtioGuest.DeviceServer.dll");
        _process = Process.Start(new ProcessStartInfo("dotnet", [program, "blk", image, "--socket", socket])
        {
            RedirectStandardOutput = true,
        })!;
        while (_process.StandardOutput.ReadLine() is string line)
        {
            if (line.StartsWith("serving", StringComparison.Ordinal))
            {
                return;
            }
        }

        Dispose();
        Assert.Fail("the server did not start");
    }

    /// <summary>Kills it, whatever it is doing.</summary>
    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }
}
