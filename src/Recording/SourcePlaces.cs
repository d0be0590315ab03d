using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;

namespace VirtioGuest.Recording;

/// <summary>Finds the line of source that makes an access: the innermost one that is a driver's, a device's or a
/// reader's own.</summary>
public static class SourcePlaces
{
    private static readonly string[] s_roots = ["/src/", "/tests/", "/labs/", "/tools/", "/samples/"];

    private static readonly string[] s_passedOver =
        ["src/Hal/", "src/Recording/", "src/Simulation/", "src/Devices/Memory/", "labs/Kit/", "tools/Labs/Rigs/"];

    private static readonly Dictionary<(MethodBase, int), RecordedPlace?> s_known = [];

    /// <summary>Looks at the calling thread's stack.</summary>
    /// <returns>The line, or null where none is known.</returns>
    [RequiresUnreferencedCode("It looks at methods by reflection.")]
    public static RecordedPlace? Find()
    {
        StackTrace stack = new StackTrace(1, fNeedFileInfo: false);
        for (int i = 0; i < stack.FrameCount; i++)
        {
            StackFrame frame = stack.GetFrame(i)!;
            MethodBase? method = frame.GetMethod();
            if (method is null)
            {
                continue;
            }

            lock (s_known)
            {
                (MethodBase Method, int Offset) key = (method, frame.GetILOffset());
                if (!s_known.TryGetValue(key, out RecordedPlace? place))
                {
                    place = Describe(new StackTrace(1 + i, fNeedFileInfo: true), method);
                    s_known.Add(key, place);
                }

                if (place is not null)
                {
                    return place;
                }
            }
        }

        return null;
    }

    private static RecordedPlace? Describe(StackTrace stack, MethodBase method)
    {
        StackFrame? frame = null;
        for (int i = 0; i < stack.FrameCount && frame is null; i++)
        {
            frame = stack.GetFrame(i)!.GetMethod() == method ? stack.GetFrame(i) : null;
        }

        if (frame?.GetFileName()?.Replace('\\', '/') is not string file)
        {
            return null;
        }

        int start = -1;
        foreach (string root in s_roots)
        {
            start = Math.Max(start, file.LastIndexOf(root, StringComparison.Ordinal));
        }

        file = start < 0 ? file[(file.LastIndexOf('/') + 1)..] : file[(start + 1)..];
        return Array.Exists(s_passedOver, file.StartsWith)
            ? null
            : new RecordedPlace(file, frame.GetFileLineNumber(), NameOf(method));
    }

    private static string NameOf(MethodBase method) =>
        method.DeclaringType is Type type ? $"{type.Name}.{method.Name}" : method.Name;
}
