using System;
using System.Diagnostics;
using System.IO;
using System.Threading;

namespace VirtioGuest.Build;

/// <summary>Two builds into the same folder take turns: the second one then finds its work done.</summary>
internal static class BuildTurn
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(200);

    /// <summary>Waits until nobody else has the turn.</summary>
    /// <param name="path">The file that stands for it.</param>
    /// <returns>The turn, which ends when it is disposed.</returns>
    /// <exception cref="BuildFailure">Another build has had the turn for ten minutes.</exception>
    public static IDisposable Take(string path)
    {
        Stopwatch watch = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException e) when (watch.Elapsed > s_limit)
            {
                throw new BuildFailure($"another build holds {path}", e);
            }
            catch (IOException)
            {
                Thread.Sleep(s_pause);
            }
        }
    }
}
